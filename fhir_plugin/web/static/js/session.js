// Warns before a session ends, saves what is typed before it warns, and shuts the page when the time is over.
// The server's word counts: another tab of the same launch may have kept the session alive, or ended it.
import { UNATTENDED, guard, isSomebodyThere, mark, since } from './page.js'
import { flush, hasAnswers, isSaved, unsaved } from './saving.js'

const TICK = 1000 // milliseconds
const LOOK_EVERY = 10 // seconds between looks at the server while a warning is up
const CONTACT = 60 // seconds after which a form asks whether it may still go
const ANSWER_WITHIN = 8000 // milliseconds

const dialog = document.getElementById('session-ending')
const strip = document.getElementById('session-strip')
const notice = document.getElementById('session-notice')
const address = dialog.dataset.address
const part = (name) => dialog.querySelector(`[data-part="${name}"]`)

let known = { idle_seconds: Number(dialog.dataset.idle), absolute_seconds: Number(dialog.dataset.absolute), warn_seconds: Number(dialog.dataset.warn) }
let knownAt = mark()
let contact = mark()
let looked = mark()
let kept = mark() // when this page last kept the session alive
let whole = known.idle_seconds // the idle time, as far as we have seen it
let running = null
let next = null
let due = false // a look at the server that waits its turn
let wantsToStay = false
let letBe = false // the end cannot be put off, and the person has heard it
let concealed = false
let closed = false
let passing = null
let asked = null
let place = null // where somebody was when the page was hidden

const idleLeft = () => known.idle_seconds - since(knownAt)
const absoluteLeft = () => known.absolute_seconds - since(knownAt)
const left = () => Math.min(idleLeft(), absoluteLeft())
const isLast = () => absoluteLeft() <= known.warn_seconds

/** Asks the server: 'alive', 'over', or 'unknown' when it does not answer. */
async function ask (method = 'GET') {
  const began = mark()
  looked = began
  if (method === 'POST') kept = began
  try {
    const headers = { ...guard(), ...(method === 'GET' ? UNATTENDED : {}) }
    const answer = await fetch(address, { method, headers, cache: 'no-store', signal: AbortSignal.timeout(ANSWER_WITHIN) })
    if (answer.status === 401) return 'over'
    if (!answer.ok) return 'unknown'
    known = await answer.json()
    knownAt = contact = began
    whole = Math.max(whole, known.idle_seconds)
    return 'alive'
  } catch {
    return 'unknown'
  }
}

/** One thing at a time. What a timer wants is dropped while something is under way; what a person wants waits. */
async function run (act, { wanted = false } = {}) {
  if (closed) return
  if (running) {
    if (!wanted) return
    if (next?.form) notice.textContent = '' // it will not go
    next = act
    return
  }
  running = act
  try { await act() } finally { running = null }
  if (due) {
    due = false
    run(check)
  } else if (next) {
    const waiting = next
    next = null
    run(waiting)
  }
}

const check = async () => { if (await ask() === 'over') over() }

/** A look that is not dropped: now, or right after what is under way. */
function checkSoon () {
  if (running) due = true
  else run(check)
}

function tick () {
  if (closed) return
  if (concealed || left() <= 0) {
    conceal()
    run(atTheEnd)
  } else if (dialog.open) {
    tell()
    if (wantsToStay) { if (since(looked) > LOOK_EVERY / 2) run(stay) } else if (since(looked) > LOOK_EVERY) run(lookAgain)
  } else if (left() <= known.warn_seconds && !(letBe && isLast())) {
    run(warn)
  } else if (isSomebodyThere() && idleLeft() < whole * 0.75 && since(kept) > 60) {
    run(async () => { if (await ask('POST') === 'over') over() }) // somebody works here, only without needing the server
  }
}

const isEdited = () => Boolean(document.querySelector('#editor [data-act="undo"]:not(:disabled)'))
const waitingPictures = () => document.querySelectorAll('#uploads > li').length
const hasAllElsewhere = () => isSaved() && !isEdited() && waitingPictures() === 0

// ---- the warning

async function warn () {
  if (await ask() === 'over') return over()
  if (left() > known.warn_seconds) return
  const all = await flush()
  if (closed) return
  show(all)
}

function show (all) {
  dialog.dataset.kind = isLast() ? 'last' : 'idle'
  for (const each of dialog.querySelectorAll('[data-for]')) each.hidden = !each.dataset.for.split(' ').includes(dialog.dataset.kind)
  tellSaved(all)
  part('trouble').textContent = ''
  tell()
  if (!dialog.open) dialog.showModal()
  dialog.querySelector('[data-for]:not([hidden]) button:not([hidden])')?.focus()
}

function tellSaved (all) {
  const says = isEdited() ? 'editing' : !hasAnswers() ? 'none' : all ? 'all' : 'not'
  for (const each of dialog.querySelectorAll('[data-saved]')) each.hidden = each.dataset.saved !== says
}

/** The time in words that change once a minute: spoken as often, and no oftener. */
function tell () {
  const minutes = Math.ceil(left() / 60)
  const text = left() < 30 ? 'in less than half a minute' : minutes <= 1 ? 'in 1 minute' : `in ${minutes} minutes`
  if (part('when').textContent === text) return
  part('when').textContent = text
  if (dialog.open) part('spoken').textContent = `You will be signed out ${text}.`
}

async function lookAgain () {
  if (await ask() === 'over') return over()
  if (left() > known.warn_seconds) return settle()
  if (!isSaved()) tellSaved(await flush())
}

async function stay () {
  wantsToStay = true
  const answer = await ask('POST')
  if (answer === 'over') return over()
  if (answer === 'unknown') {
    part('trouble').textContent = 'The server cannot be reached. Trying again.'
    return
  }
  others?.postMessage('stayed')
  wantsToStay = false
  if (left() > known.warn_seconds) settle()
  else show(isSaved())
}

/** Back to work. */
function settle () {
  wantsToStay = false
  if (dialog.open) dialog.close()
  part('spoken').textContent = ''
}

function leaveBe () {
  letBe = true
  const when = new Date(Date.now() + absoluteLeft() * 1000)
  strip.querySelector('[data-part="at"]').textContent = when.toLocaleTimeString('en-GB', { hour: 'numeric', minute: '2-digit' })
  document.querySelector('.app-banner').after(strip)
  strip.hidden = false
  settle()
}

async function leave () {
  if (!(await flush())) {
    tellSaved(false)
    part('trouble').textContent = 'You are still signed in: your last words are not saved.'
    return
  }
  others?.postMessage('left')
  document.querySelector('.app-banner__leave').form.submit()
}

const ways = { stay, leave, 'leave-be': leaveBe }
dialog.addEventListener('click', (event) => {
  const way = event.target.closest('[data-way]')?.dataset.way
  if (way) run(ways[way], { wanted: true })
})
dialog.addEventListener('cancel', (event) => {
  event.preventDefault()
  run(dialog.dataset.kind === 'last' ? leaveBe : stay, { wanted: true })
})
for (const button of dialog.querySelectorAll('[data-way="leave"]')) button.hidden = !document.querySelector('.app-banner__leave')

// ---- the end

/** Out of sight at once, before anybody is asked. */
function conceal () {
  if (concealed) return
  concealed = true
  place = document.activeElement
  document.body.classList.add('app-concealed')
}

async function atTheEnd () {
  const answer = await ask()
  if (answer === 'over' || left() <= 1) return over()
  if (answer === 'unknown') return // out of sight until the server has spoken; the next tick asks again
  concealed = false
  document.body.classList.remove('app-concealed')
  settle()
  place?.focus()
}

/** Takes the patient and the pictures out of the page. What nobody but this page has, stays to be copied. */
function over () {
  if (closed) return
  closed = true
  clearInterval(ticking)
  const { words, choices } = unsaved()
  const pictures = waitingPictures()
  const edited = isEdited()
  const lost = words.length + choices.length + pictures > 0 || edited
  const shut = document.getElementById('session-over').content.cloneNode(true)
  const set = (name, shown) => {
    const said = shut.querySelector(`[data-part="${name}"]`)
    if (shown) said.hidden = false
    else said.remove()
  }
  set('saved', !lost)
  set('not-saved', words.length > 0)
  set('choices', choices.length > 0)
  set('pictures', pictures > 0)
  set('edited', edited)
  for (const { label, text } of words) shut.querySelector('[data-part="words"]').append(wordsToCopy(label, text))
  for (const choice of choices) shut.querySelector('[data-part="choices"] ul').append(Object.assign(document.createElement('li'), { textContent: choice }))
  for (const open of document.querySelectorAll('dialog[open]')) open.close() // a camera stops with its dialog
  for (const name of ['patient', 'identity', 'csrf-token']) document.querySelector(`meta[name="${name}"]`)?.remove()
  document.title = 'Signed out – Patient images'
  document.body.replaceChildren(shut)
  document.body.classList.remove('app-concealed', 'app-has-bar')
  document.querySelector('h1').focus()
}

let copies = 0
function wordsToCopy (label, text) {
  const holder = Object.assign(document.createElement('div'), { className: 'nhsuk-form-group app-kept' })
  const field = Object.assign(document.createElement('textarea'), { className: 'nhsuk-textarea', id: `kept-${++copies}`, readOnly: true, value: text, rows: 4 })
  const name = Object.assign(document.createElement('label'), { className: 'nhsuk-label nhsuk-label--s', textContent: label, htmlFor: field.id })
  const copy = Object.assign(document.createElement('button'), { className: 'app-tool', type: 'button', textContent: 'Copy' })
  copy.setAttribute('aria-label', `Copy: ${label}`)
  copy.addEventListener('click', async () => {
    field.select()
    let done = document.execCommand('copy') // inside an EHR's frame the newer way is mostly forbidden
    if (!done) done = await navigator.clipboard?.writeText(text).then(() => true, () => false)
    copy.textContent = done ? 'Copied' : 'Press Ctrl and C to copy'
  })
  holder.append(name, field, copy)
  return holder
}

// ---- what tells us to look

document.addEventListener('app:signed-out', checkSoon) // a 401 may only mean the EHR's own sign-in
document.addEventListener('error', (event) => {
  if (event.target instanceof HTMLImageElement && since(asked) > 10) {
    asked = mark()
    run(check)
  }
}, true)
document.body.addEventListener('htmx:afterRequest', (event) => { if (event.detail.successful) contact = mark() })
/** Somebody is back at this page: it may have been ended elsewhere, by another person who came to this computer. */
function back () {
  tick()
  if (!document.hidden && since(looked) > LOOK_EVERY) checkSoon()
}
document.addEventListener('visibilitychange', back)
window.addEventListener('focus', back)
window.addEventListener('pageshow', (event) => {
  if (closed) return // words to copy are all that is left
  if (event.persisted) {
    conceal() // it may have been signed out since
    if (hasAllElsewhere()) return window.location.reload()
  }
  tick()
})

// A form sent when the time may be over would lose its page: the page asks first, and stays when it is over.
window.addEventListener('submit', (event) => {
  const form = event.target
  if (form === passing) {
    passing = null
    return
  }
  if (isSaved() && since(contact) < CONTACT && left() > CONTACT) return
  event.preventDefault()
  event.stopImmediatePropagation()
  if ([running, next].some((act) => act?.form === form)) return // pressed twice
  const { submitter } = event
  const leaves = form.querySelector('.app-banner__leave') !== null
  const look = async () => {
    const answer = await ask()
    if (answer === 'over') return over()
    if (leaves && !(answer === 'alive' ? await flush() : isSaved())) {
      notice.textContent = 'You are still signed in: your last words are not saved.'
      return
    }
    if (answer === 'unknown') {
      notice.textContent = 'The server cannot be reached: nothing was sent. Try again in a moment.'
      return
    }
    notice.textContent = ''
    passing = form
    const button = submitter?.isConnected ? submitter : document.getElementById(submitter?.id || '') // a save may have drawn it anew
    form.requestSubmit(button ?? undefined)
    passing = null
  }
  run(Object.assign(look, { form }), { wanted: true })
  notice.textContent = 'One moment…'
}, true)

// Other tabs of this launch hear at once when one of them stays or leaves.
const others = 'BroadcastChannel' in window ? new BroadcastChannel(address) : null
others?.addEventListener('message', (event) => {
  if (event.data === 'left') for (const wait of [1500, 5000, 15000]) setTimeout(checkSoon, wait)
  else run(lookAgain)
})
document.querySelector('.app-banner__leave')?.form.addEventListener('submit', () => others?.postMessage('left'))

const ticking = setInterval(tick, TICK)
tick()
