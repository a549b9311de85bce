// Photos on their way, one after the other. When the signal is lost, the whole photo goes again; the server knows a photo
// by its bytes, so that it arrives once however often it was sent. Without this script, the form does it.
import { doubtOf } from './patient-blur.js'

const WAITS = [1, 2, 4, 8, 15, 30] // seconds between tries by itself; the last one stays
const STALLED = 45_000 // milliseconds without a sign of life
const TOO_BUSY = new Set([0, 408, 429, 502, 503, 504])

const form = document.getElementById('add')
const list = document.getElementById('uploads')
const status = document.getElementById('status')
const doubts = remembered() // picture > what may be wrong with it
const under = new Set() // uploads that have not arrived
const queue = []
let busy = false

const say = (what) => { status.textContent = what }

if (form) begin()
mark() // also where no more may be added

function begin () {
  const words = JSON.parse(form.dataset.words)
  const most = Number(form.dataset.most)
  let number = Number(form.dataset.count)
  const text = (key, known = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => known[name])

  // ---- two ways to add, instead of one field and a button

  const pick = (label, several, camera) => {
    const holder = document.createElement('label')
    holder.className = 'nhsuk-button p-wide p-pick'
    const input = document.createElement('input')
    input.type = 'file'
    input.accept = 'image/*'
    input.id = camera ? 'take' : 'choose'
    input.multiple = several
    if (camera) input.setAttribute('capture', 'environment')
    input.addEventListener('change', () => {
      add([...input.files])
      input.value = ''
    })
    holder.append(label, input)
    return holder
  }
  const early = [...(form.querySelector('input[type="file"]')?.files ?? [])] // chosen before this script had loaded
  form.replaceChildren(pick(words.take, false, true), pick(most > 1 ? words.choose_more : words.choose, most > 1, false))
  form.dataset.ready = 'yes'

  function add (files) {
    const room = most - number
    if (files.length > room) note(text('too_many', { most }))
    for (const file of files.slice(0, room)) {
      number++
      enqueue(file)
    }
    form.hidden = number >= most
    next()
  }

  function note (what) {
    const item = row()
    item.firstChild.textContent = what
    item.classList.add('p-upload--waiting')
    say(what)
  }

  function row () {
    const item = document.createElement('li')
    item.className = 'p-upload'
    item.append(document.createElement('p'))
    list.append(item)
    return item
  }

  function enqueue (file) {
    const item = row()
    const bar = document.createElement('progress')
    bar.max = 100
    bar.value = 0
    bar.setAttribute('aria-label', text('photo', { number }))
    item.append(bar)
    const upload = { file, item, bar, number, tries: 0, doubt: doubtOf(file) }
    under.add(upload)
    queue.push(upload)
    tell(upload, text('sending', { number, percent: 0 }))
  }

  const tell = (upload, what) => { upload.item.firstChild.textContent = what }

  function next () {
    if (busy || !queue.length) return
    busy = true
    send(queue[0])
  }

  // ---- one try

  function send (upload) {
    const { item, bar } = upload
    item.className = 'p-upload'
    item.querySelector('button')?.remove()
    const request = new XMLHttpRequest()
    let late
    const alive = () => { clearTimeout(late); late = setTimeout(() => request.abort(), STALLED) }
    request.open('POST', form.getAttribute('action'))
    request.setRequestHeader('Content-Type', 'application/octet-stream')
    request.setRequestHeader('X-File-Type', upload.file.type || 'application/octet-stream')
    request.setRequestHeader('X-Requested-With', 'fetch')
    request.setRequestHeader('X-CSRFToken', document.querySelector('input[name="csrf_token"]').value)
    request.upload.addEventListener('progress', (event) => {
      alive()
      const percent = event.lengthComputable ? Math.floor((event.loaded / event.total) * 100) : 0
      bar.value = percent
      tell(upload, percent < 100 ? text('sending', { number: upload.number, percent }) : text('checking', { number: upload.number }))
    })
    request.addEventListener('loadend', () => {
      clearTimeout(late)
      let answer = {}
      try { answer = JSON.parse(request.responseText) } catch { /* not ours */ }
      if (answer.go) {
        under.clear()
        window.location.assign(answer.go)
      } else if (request.status === 200) arrived(upload, answer)
      else if (TOO_BUSY.has(request.status)) lost(upload)
      else refused(upload, answer.text)
    })
    alive()
    request.send(upload.file)
  }

  function arrived (upload, answer) {
    upload.doubt.then((found) => {
      if (!found) return
      doubts.set(answer.picture, found)
      remember()
      mark()
    })
    over(upload)
    upload.item.remove()
    say(text('arrived', { number: upload.number }))
    refresh()
  }

  function lost (upload) {
    const wait = WAITS[Math.min(upload.tries++, WAITS.length - 1)]
    upload.item.classList.add('p-upload--waiting')
    tell(upload, words.no_signal)
    say(words.no_signal)
    const again = () => {
      clearTimeout(timer)
      window.removeEventListener('online', again)
      if (under.has(upload)) send(upload)
    }
    const timer = setTimeout(again, wait * 1000)
    window.addEventListener('online', again)
    const button = document.createElement('button')
    button.type = 'button'
    button.className = 'nhsuk-button nhsuk-button--secondary nhsuk-button--small'
    button.textContent = words.again
    button.addEventListener('click', again)
    upload.item.append(button)
  }

  function refused (upload, why) {
    upload.item.classList.add('p-upload--failed')
    upload.bar.remove()
    tell(upload, `${text('photo', { number: upload.number })}: ${why || words.other}`)
    say(why || words.other)
    over(upload)
    number--
    form.hidden = false
  }

  function over (upload) {
    under.delete(upload)
    queue.shift()
    busy = false
    next()
  }

  // ---- what has arrived, as the server draws it

  let drawing = false
  let stale = false

  // One after the other, or an answer that is overtaken would draw an older list over a newer one.
  async function refresh () {
    stale = true
    if (drawing) return
    drawing = true
    while (stale) {
      stale = false
      await drawn()
    }
    drawing = false
  }

  async function drawn () {
    let page
    try {
      const answer = await fetch(form.getAttribute('action'), { headers: { Accept: 'text/html' }, cache: 'no-store' })
      if (answer.redirected) {
        if (!under.size) window.location.assign(answer.url)
        return
      }
      if (TOO_BUSY.has(answer.status)) throw new Error()
      page = new DOMParser().parseFromString(await answer.text(), 'text/html')
    } catch {
      setTimeout(refresh, 3000) // the signal is gone again, or the server stumbles: what is shown stays
      return
    }
    if (!page.getElementById('pictures')) { // no longer open to this phone: the page itself says why
      if (!under.size) window.location.reload()
      return
    }
    const at = document.activeElement?.closest('#pictures :is(a, button)')?.getAttribute('aria-label')
    for (const id of ['pictures', 'so-far']) document.getElementById(id).replaceWith(page.getElementById(id))
    if (at) document.querySelector(`#pictures [aria-label="${CSS.escape(at)}"]`)?.focus()
    const room = page.getElementById('add')
    number = (room ? Number(room.dataset.count) : most) + under.size
    form.hidden = number >= most
    mark()
  }

  add(early)
  window.addEventListener('beforeunload', (event) => { if (under.size) event.preventDefault() })
  document.getElementById('photos-done')?.addEventListener('submit', (event) => {
    if (!under.size) return
    event.preventDefault()
    event.stopImmediatePropagation()
    say(words.leave)
    list.scrollIntoView({ block: 'center' })
    const first = [...under][0]
    first.item.tabIndex = -1
    first.item.focus()
  }, { capture: true })
}

function mark () {
  for (const item of document.querySelectorAll('.p-picture')) {
    const doubt = doubts.get(item.dataset.picture)
    const warning = doubt && item.querySelector(`[data-doubt="${doubt}"]`)
    if (warning?.hidden) {
      warning.hidden = false
      say(warning.textContent)
    }
  }
}

// ---- doubts outlive a reload and the page for cutting, in this tab only: names that we made up, nothing of the photo

function remembered () {
  try {
    return new Map(JSON.parse(window.sessionStorage.getItem('doubts') ?? '[]'))
  } catch { // not allowed to store, or not ours
    return new Map()
  }
}

function remember () {
  try {
    window.sessionStorage.setItem('doubts', JSON.stringify([...doubts]))
  } catch { /* not allowed to store: the doubt is shown until the page is left */ }
}
