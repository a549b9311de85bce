// A box over the photo: fingers drag it or its corners, arrow keys move a corner. The buttons below do the same without it.
const SMALLEST = 0.08
const STEP = 0.02

const form = document.getElementById('crop-form')
const stage = document.getElementById('stage')
const whole = document.getElementById('whole')
const field = form.elements.crop
const status = document.getElementById('status')
const words = JSON.parse(form.dataset.words)

const box = field.value ? fromText(field.value) : { left: 0, top: 0, right: 1, bottom: 1 }

function fromText (text) {
  const [left, top, right, bottom] = text.split(' ').map((each) => Number(each) / 100)
  return { left, top, right, bottom }
}

const frame = element('div', 'p-box')
const shades = element('div', 'p-shade')
const corners = ['nw', 'ne', 'sw', 'se'].map((name) => {
  const corner = element('button', 'p-corner')
  corner.type = 'button'
  corner.setAttribute('aria-label', words[`corner_${name}`])
  corner.addEventListener('keydown', (event) => byKey(event, name))
  drag(corner, (x, y, begun) => change(moved(begun, name, x, y)))
  return [name, corner]
})

function element (tag, className) {
  return Object.assign(document.createElement(tag), { className })
}

function moved (begun, name, x, y) {
  const next = { ...begun }
  if (name.includes('n')) next.top = clamp(begun.top + y, 0, begun.bottom - SMALLEST)
  if (name.includes('s')) next.bottom = clamp(begun.bottom + y, begun.top + SMALLEST, 1)
  if (name.includes('w')) next.left = clamp(begun.left + x, 0, begun.right - SMALLEST)
  if (name.includes('e')) next.right = clamp(begun.right + x, begun.left + SMALLEST, 1)
  return next
}

const clamp = (value, least, most) => Math.min(Math.max(value, least), most)

function byKey (event, name) {
  const step = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key]
  if (!step) return
  event.preventDefault()
  change(moved({ ...box }, name, ...step))
  status.textContent = words.kept.replace('{width}', Math.round((box.right - box.left) * 100)).replace('{height}', Math.round((box.bottom - box.top) * 100))
}

function drag (handle, act) {
  handle.addEventListener('pointerdown', (event) => {
    event.preventDefault()
    event.stopPropagation()
    handle.focus?.({ preventScroll: true })
    handle.setPointerCapture(event.pointerId)
    const begun = { ...box }
    const from = [event.clientX, event.clientY]
    const move = (now) => act((now.clientX - from[0]) / stage.clientWidth, (now.clientY - from[1]) / stage.clientHeight, begun)
    const end = () => {
      handle.removeEventListener('pointermove', move)
      handle.removeEventListener('pointerup', end)
      handle.removeEventListener('pointercancel', end)
    }
    handle.addEventListener('pointermove', move)
    handle.addEventListener('pointerup', end)
    handle.addEventListener('pointercancel', end)
  })
}

function change (next) {
  Object.assign(box, next)
  draw()
}

function draw () {
  const { left, top, right, bottom } = box
  Object.assign(frame.style, { left: `${left * 100}%`, top: `${top * 100}%`, width: `${(right - left) * 100}%`, height: `${(bottom - top) * 100}%` })
  const [l, t, r, b] = [left, top, right, bottom].map((each) => `${each * 100}%`)
  shades.style.clipPath = `polygon(evenodd, 0 0, 100% 0, 100% 100%, 0 100%, 0 0, ${l} ${t}, ${r} ${t}, ${r} ${b}, ${l} ${b}, ${l} ${t})`
  for (const [name, corner] of corners) {
    corner.style.left = name.includes('w') ? l : r
    corner.style.top = name.includes('n') ? t : b
  }
  const all = left <= 0 && top <= 0 && right >= 1 && bottom >= 1
  field.value = all ? '' : [left, top, right, bottom].map((each) => (each * 100).toFixed(2)).join(' ')
}

function show () {
  document.getElementById('kept')?.remove()
  whole.hidden = false
  drag(frame, (x, y, begun) => {
    const width = begun.right - begun.left
    const height = begun.bottom - begun.top
    const left = clamp(begun.left + x, 0, 1 - width)
    const top = clamp(begun.top + y, 0, 1 - height)
    change({ left, top, right: left + width, bottom: top + height })
  })
  stage.append(shades, frame, ...corners.map(([, corner]) => corner))
  form.querySelector('.p-crop__drag').hidden = false
  form.dataset.ready = 'yes'
  draw()
}

// Only over a photo that this browser has: until then the buttons are enough.
if (whole.complete && whole.naturalWidth) show()
else whole.addEventListener('load', show, { once: true })
