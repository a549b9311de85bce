// Rotate, crop, black out. The picture comes from the server (browsers cannot show HEIC); only geometry goes back.
// The pointer works through cropperjs; the keyboard through number fields, buttons, and arrow keys on a black box.
import './page.js'
import '../vendor/cropperjs/cropper-2.2.0.esm.min.js'
import { turned, clamped, pushed, asText, fromText, NEW_BOX, NEW_CROP } from './regions.js'

const form = document.getElementById('editor')
const stage = document.getElementById('stage')
const panel = document.getElementById('regions')
const status = document.getElementById('editor-status')
const buttons = Object.fromEntries([...form.querySelectorAll('[data-act]')].map((button) => [button.dataset.act, button]))

let state = {
  turns: Number(panel.dataset.turns),
  crop: panel.dataset.crop ? fromText(panel.dataset.crop) : null,
  boxes: panel.dataset.blackOuts ? panel.dataset.blackOuts.split(';').map(fromText) : [],
}
let active = null // 'crop', the index of a box, or null
const past = []

const copy = (value) => JSON.parse(JSON.stringify(value))
const say = (text) => { status.textContent = text }
const region = () => (active === 'crop' ? state.crop : state.boxes[active])

// ---- the stage

const frame = Object.assign(document.createElement('div'), { className: 'app-stage' })
const picture = Object.assign(document.createElement('img'), { alt: 'The picture, turned, before cropping', draggable: false })
const cut = Object.assign(document.createElement('div'), { className: 'app-cut', hidden: true })
const boxes = document.createElement('div')
const canvas = document.createElement('cropper-canvas')
const fresh = document.createElement('cropper-handle')
fresh.setAttribute('action', 'select')
fresh.setAttribute('plain', '')
const selection = document.createElement('cropper-selection')
for (const name of ['movable', 'resizable', 'outlined']) selection.setAttribute(name, '')
for (const action of ['move', 'n-resize', 'e-resize', 's-resize', 'w-resize', 'ne-resize', 'nw-resize', 'se-resize', 'sw-resize']) {
  const handle = document.createElement('cropper-handle')
  handle.setAttribute('action', action)
  if (action === 'move') handle.setAttribute('theme-color', 'rgba(255, 255, 255, 0.08)')
  selection.append(handle)
}
canvas.append(fresh, selection)
frame.append(picture, cut, boxes, canvas)
stage.append(frame)

let fitting = false
const fit = () => {
  if (!picture.naturalWidth) return
  const ratio = picture.naturalWidth / picture.naturalHeight
  frame.style.width = `${Math.min(stage.clientWidth, Math.max(220, window.innerHeight * 0.78) * ratio)}px`
  place()
}
const place = () => {
  const chosen = region()
  canvas.hidden = !chosen
  if (!chosen) return
  fitting = true
  const { clientWidth: width, clientHeight: height } = frame
  selection.hidden = false
  selection.$change(chosen.left * width, chosen.top * height, (chosen.right - chosen.left) * width, (chosen.bottom - chosen.top) * height)
  fitting = false
}

selection.addEventListener('change', (event) => {
  if (fitting || active === null) return
  const { x, y, width, height } = event.detail
  const { clientWidth, clientHeight } = frame
  if (x < -0.5 || y < -0.5 || x + width > clientWidth + 0.5 || y + height > clientHeight + 0.5) {
    event.preventDefault()
    return
  }
  const next = clamped({ left: x / clientWidth, top: y / clientHeight, right: (x + width) / clientWidth, bottom: (y + height) / clientHeight })
  if (!next) return
  if (active === 'crop') state.crop = next
  else state.boxes[active] = next
  paint()
  numbers()
})
let before = null
canvas.addEventListener('actionstart', () => { before = copy(state) })
canvas.addEventListener('actionend', () => {
  if (before && JSON.stringify(before) !== JSON.stringify(state)) past.push(before)
  before = null
  draw()
})

// ---- drawing what the state says

function paint () {
  boxes.replaceChildren(...state.boxes.map((box, index) => {
    const black = Object.assign(document.createElement('button'), { type: 'button', className: 'app-black' })
    black.setAttribute('aria-label', `Black box ${index + 1}. Arrow keys move it, with Shift they size it, Delete removes it.`)
    Object.assign(black.style, { left: `${box.left * 100}%`, top: `${box.top * 100}%`, width: `${(box.right - box.left) * 100}%`, height: `${(box.bottom - box.top) * 100}%` })
    black.addEventListener('click', () => { active = index; draw() })
    black.addEventListener('keydown', (event) => nudge(event, index))
    return black
  }))
  cut.hidden = !state.crop
  if (state.crop) {
    const { left, top, right, bottom } = Object.fromEntries(Object.entries(state.crop).map(([edge, value]) => [edge, `${value * 100}%`]))
    cut.style.clipPath = `polygon(evenodd, 0 0, 100% 0, 100% 100%, 0 100%, 0 0, ${left} ${top}, ${right} ${top}, ${right} ${bottom}, ${left} ${bottom}, ${left} ${top})`
  }
}

function draw () {
  paint()
  panel.replaceChildren(
    hidden('quarter_turns', state.turns),
    ...(state.crop ? [card('Crop: keep only this', 'crop', state.crop)] : []),
    ...state.boxes.map((box, index) => card(`Black box ${index + 1}`, index, box)),
  )
  buttons.undo.disabled = past.length === 0
  buttons.crop.disabled = Boolean(state.crop)
  place()
}

function numbers () {
  for (const input of panel.querySelectorAll('[data-edge]')) {
    if (input === document.activeElement) continue
    const box = input.dataset.of === 'crop' ? state.crop : state.boxes[Number(input.dataset.of)]
    input.value = Math.round(box[input.dataset.edge] * 100)
  }
  for (const input of panel.querySelectorAll('[data-region-of]')) {
    const box = input.dataset.regionOf === 'crop' ? state.crop : state.boxes[Number(input.dataset.regionOf)]
    input.value = asText(box)
  }
}

function hidden (name, value) {
  return Object.assign(document.createElement('input'), { type: 'hidden', name, value })
}

function card (title, key, box) {
  const holder = Object.assign(document.createElement('div'), { className: 'app-region' })
  holder.classList.toggle('app-region--active', key === active)
  holder.setAttribute('role', 'group')
  holder.setAttribute('aria-label', title)
  const head = Object.assign(document.createElement('div'), { className: 'app-region__head' })
  head.append(Object.assign(document.createElement('strong'), { textContent: title }))
  const remove = Object.assign(document.createElement('button'), { type: 'button', className: 'app-tool', textContent: 'Remove' })
  remove.setAttribute('aria-label', `Remove: ${title}`)
  remove.addEventListener('click', () => removeRegion(key))
  head.append(remove)
  const grid = Object.assign(document.createElement('div'), { className: 'app-region__numbers' })
  for (const edge of ['left', 'top', 'right', 'bottom']) {
    const field = document.createElement('div')
    const label = Object.assign(document.createElement('label'), { textContent: `${edge[0].toUpperCase()}${edge.slice(1)} %`, htmlFor: `edge-${key}-${edge}` })
    const input = Object.assign(document.createElement('input'), { type: 'number', id: label.htmlFor, min: 0, max: 100, step: 1, value: Math.round(box[edge] * 100) })
    input.dataset.edge = edge
    input.dataset.of = key
    let begun = box // with the first digit typed, the size may already be another
    input.addEventListener('focus', () => {
      begun = key === 'crop' ? state.crop : state.boxes[key]
      if (active !== key) { active = key; mark(); place() }
    })
    input.addEventListener('input', () => {
      const was = key === 'crop' ? state.crop : state.boxes[key]
      const next = input.value === '' ? null : clamped({ ...was, [edge]: Number(input.value) / 100 })
      input.setAttribute('aria-invalid', String(!next))
      if (!next) return
      past.push(copy(state))
      if (key === 'crop') state.crop = next
      else state.boxes[key] = next
      buttons.undo.disabled = false
      paint(); numbers(); place()
    })
    input.addEventListener('change', () => {
      if (input.getAttribute('aria-invalid') !== 'true') return
      input.setAttribute('aria-invalid', 'false')
      const was = key === 'crop' ? state.crop : state.boxes[key]
      const next = input.value === '' ? null : pushed(begun, edge, Number(input.value) / 100)
      if (next) {
        past.push(copy(state))
        if (key === 'crop') state.crop = next
        else state.boxes[key] = next
        buttons.undo.disabled = false
        paint(); numbers(); place()
        say('The opposite edge moved along.')
      } else input.value = Math.round(was[edge] * 100)
    })
    field.append(label, input)
    grid.append(field)
  }
  const sent = hidden(key === 'crop' ? 'crop' : 'black_out', asText(box))
  sent.dataset.regionOf = key
  holder.append(head, grid, sent)
  return holder
}

function mark () {
  [...panel.querySelectorAll('.app-region')].forEach((each) => each.classList.toggle('app-region--active', each.querySelector('[data-of]').dataset.of === String(active)))
}

// ---- what people do

function change (make, text) {
  past.push(copy(state))
  make()
  draw()
  say(text)
}

function removeRegion (key) {
  change(() => {
    if (key === 'crop') state.crop = null
    else state.boxes.splice(key, 1)
    active = null
  }, key === 'crop' ? 'Crop removed.' : 'Black box removed.')
  buttons['black-out'].focus()
}

function nudge (event, index) {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key]
  if (event.key === 'Delete' || event.key === 'Backspace') {
    event.preventDefault()
    removeRegion(index)
    return
  }
  if (!step) return
  event.preventDefault()
  const [x, y] = step.map((value) => value / 100)
  const box = state.boxes[index]
  const next = event.shiftKey
    ? clamped({ ...box, right: box.right + x, bottom: box.bottom + y })
    : (box.left + x >= 0 && box.right + x <= 1 && box.top + y >= 0 && box.bottom + y <= 1)
        ? { left: box.left + x, top: box.top + y, right: box.right + x, bottom: box.bottom + y }
        : null
  if (!next) return
  active = index
  change(() => { state.boxes[index] = next }, `Black box ${index + 1}: ${asText(next)} percent`)
  boxes.children[index].focus()
}

const turn = (quarters, text) => {
  change(() => {
    for (let i = 0; i < quarters; i++) {
      state.turns = (state.turns + 1) % 4
      if (state.crop) state.crop = turned(state.crop)
      state.boxes = state.boxes.map(turned)
    }
  }, text)
  load()
}

function load () {
  const address = `${form.dataset.preview}?turns=${state.turns}`
  if (picture.getAttribute('src') === address) return
  frame.classList.add('app-stage--busy')
  picture.src = address
}

buttons.left.addEventListener('click', () => turn(3, 'Turned left.'))
buttons.right.addEventListener('click', () => turn(1, 'Turned right.'))
buttons.crop.addEventListener('click', () => {
  change(() => { state.crop = { ...NEW_CROP }; active = 'crop' }, 'Crop added. Set its edges.')
  document.getElementById('edge-crop-left').focus({ preventScroll: true })
})
buttons['black-out'].addEventListener('click', () => {
  change(() => { state.boxes.push({ ...NEW_BOX }); active = state.boxes.length - 1 }, 'Black box added. Set its edges.')
  document.getElementById(`edge-${active}-left`).focus({ preventScroll: true })
})
buttons.undo.addEventListener('click', () => {
  state = past.pop()
  active = null
  draw()
  load()
  if (buttons.undo.disabled) buttons.reset.focus() // a button that goes off would take the place with it
  say('Undone.')
})
buttons.reset.addEventListener('click', () => {
  change(() => { state = { turns: 0, crop: null, boxes: [] }; active = null }, 'Started again.')
  load()
})

picture.addEventListener('load', () => { frame.classList.remove('app-stage--busy'); fit() })
picture.addEventListener('error', () => say('The picture could not be shown. Go back and try again.'))
window.addEventListener('resize', fit)
draw()
load()
form.dataset.ready = 'yes'
