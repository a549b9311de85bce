// Says when answers are saved, and loudly when they are not; tries again by itself when the network is back.
// Knows at any moment what the server does not have yet.
import { UNATTENDED, guard } from './page.js'

const PATIENCE = 8000 // milliseconds that a save before a time-out may take

let form = null
let saved = '' // the answers as the server last took them
let sending = ''
let number = 0 // of saves: one that is overtaken on the way must not undo a later one
let isBehind = false // what comes back was drawn before something that is on this page by now
let trying

const ABOUT_THE_PAGE = ['csrf_token', 'answers_seen', 'page'] // what says which page speaks is no answer

const answers = () => JSON.stringify([...new FormData(form)].filter(([name, value]) => !ABOUT_THE_PAGE.includes(name) && typeof value === 'string'))

/** Whether everything on this page is on the server; pages without answers have nothing to save. */
export const isSaved = () => form === null || answers() === saved

/** Whether people type answers on this page at all. */
export const hasAnswers = () => form !== null

/** Whether more was said on this page while the answer that has just come was on its way: drawing it would take that back. */
export const wasOvertaken = () => isBehind

/** Saves what is not saved yet, without counting as a sign that somebody is there. True once the server has it all. */
export function flush () {
  if (isSaved()) return Promise.resolve(true)
  return new Promise((resolve) => {
    const done = (outcome) => {
      clearTimeout(late)
      form.removeEventListener('htmx:afterRequest', look)
      resolve(outcome)
    }
    const look = (event) => {
      if (isSaved()) done(true)
      else if (!event.detail.successful) done(false)
    }
    const late = setTimeout(() => done(isSaved()), PATIENCE)
    form.addEventListener('htmx:afterRequest', look)
    saveUnattended()
  })
}

/** What only this page has: words to copy, and choices to make again. */
export function unsaved () {
  const words = []
  const choices = []
  if (isSaved()) return { words, choices }
  const known = new Map()
  for (const [name, value] of JSON.parse(saved)) known.set(name, [...(known.get(name) ?? []), value])
  for (const field of form.elements) {
    if (!field.name || field.disabled) continue
    const before = known.get(field.name) ?? []
    const label = plain(field.labels?.[0])
    if (field instanceof HTMLTextAreaElement) {
      if (field.value !== (before[0] ?? '') && field.value.trim()) words.push({ label, text: field.value })
    } else if (field.type === 'radio' || field.type === 'checkbox') {
      if (field.checked && !before.includes(field.value)) choices.push(inFull(field, label))
      if (field.type === 'checkbox' && !field.checked && before.includes(field.value)) choices.push(`Not: ${label}`)
    } else if (field.type === 'date' && field.value && field.value !== before[0]) {
      choices.push(`${label} ${field.value}`)
    } else if (field.name.startsWith('site-') && field.value && field.value !== before[0]) {
      choices.push(`Body site: ${document.getElementById(field.name)?.value || field.value}`)
    }
  }
  return { words, choices }
}

export function watchSaving (watched) {
  form = watched
  const state = () => document.querySelector('.app-saved')

  const failed = (text) => {
    const note = state()
    if (note) {
      note.textContent = text
      note.classList.add('app-saved--not')
    }
  }
  const keptOnly = () => { // the EHR was not reached: what it would have said stays as it was
    const note = state()
    if (note) {
      note.textContent = 'Saved. The record is not answering.'
      note.classList.remove('app-saved--not')
    }
  }
  const again = () => {
    clearTimeout(trying)
    trying = setTimeout(saveUnattended, 5000)
  }

  saved = asDrawn()
  form.addEventListener('htmx:configRequest', (event) => {
    // A save that still waits when a button is pressed would go to the button's `formaction` (htmx 2.0).
    event.detail.path = form.getAttribute('hx-put')
    if (form.dataset.sent) event.preventDefault() // the whole form is on its way by itself
    sending = answers()
    event.detail.parameters.page = numbered()
  })
  form.addEventListener('htmx:sendError', () => { failed('Not saved yet: no connection. Trying again.'); again() })
  form.addEventListener('htmx:responseError', (event) => {
    const { xhr } = event.detail
    let error
    try { error = JSON.parse(xhr.responseText).error } catch { error = null }
    failed(`Not saved. ${error ? `${error.title}. ${error.what_to_do}` : 'Trying again.'}`)
    if (xhr.status >= 500) again()
  })
  form.addEventListener('htmx:beforeOnLoad', (event) => {
    const { status } = event.detail.xhr
    if (status < 300) saved = sending
    isBehind = !isSaved()
    if (status === 204) keptOnly()
  })
  form.addEventListener('htmx:afterRequest', (event) => { if (event.detail.successful) clearTimeout(trying) })
  keepWhatIsPressed()
  let reading = false // the note stays open over a save
  form.addEventListener('htmx:beforeSwap', () => { reading = Boolean(document.querySelector('.app-note[open]')) })
  form.addEventListener('htmx:afterSwap', () => {
    if (!isBehind) saved = answers() // with the fields that the server has just drawn
    document.querySelector('.app-note')?.toggleAttribute('open', reading || Boolean(document.querySelector('.app-note[open]')))
    tidyErrors()
  })

  // A second press while the first is on its way would only ask the same again.
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent && event.submitter?.id === 'file') event.preventDefault()
    if (event.submitter?.id === 'file') {
      form.dataset.sent = event.submitter.textContent
      window.htmx.trigger(form, 'htmx:abort') // a save under way would come too late: what is filed changes no more
      event.submitter.setAttribute('aria-disabled', 'true')
      event.submitter.textContent = 'Filing…'
    }
  })
  // Whoever comes back to the page as it was left finds it working again.
  window.addEventListener('pageshow', (event) => {
    if (!event.persisted || !form.dataset.sent) return
    const button = form.querySelector('#file')
    button.removeAttribute('aria-disabled')
    button.textContent = form.dataset.sent
    delete form.dataset.sent
    saveUnattended()
  })
  let goesItself = false
  form.addEventListener('submit', (event) => {
    goesItself = !event.defaultPrevented
    if (goesItself) form.elements.namedItem('page').value = numbered()
  })
  window.addEventListener('pagehide', () => { if (!goesItself && form.isConnected && !isSaved()) sendAtLast() })
  const begin = () => { if (!isSaved()) saveUnattended() } // put back by the browser, or said before this script had come
  if (document.readyState === 'complete') begin()
  else document.addEventListener('DOMContentLoaded', begin) // htmx listens from then on
}

/** A button that is drawn anew between press and release is not pressed at all: what comes meanwhile waits. */
function keepWhatIsPressed () {
  let pressed = false
  let waiting = false
  const press = () => { pressed = true }
  const release = () => setTimeout(() => { // after the click that this release makes
    pressed = false
    if (waiting) { waiting = false; saveUnattended() }
  })
  form.addEventListener('pointerdown', press)
  form.addEventListener('keydown', (event) => { if (event.key === ' ' && event.target.closest('button, summary')) press() })
  for (const end of ['pointerup', 'pointercancel', 'keyup', 'blur']) window.addEventListener(end, release)
  form.addEventListener('htmx:beforeSwap', (event) => {
    if (!pressed) return
    event.detail.shouldSwap = false
    waiting = true
  })
}

function saveUnattended () {
  if (form.isConnected) window.htmx.trigger(form, 'save-now', { unattended: true })
}

/** What was typed a moment before the page was left: the browser sends it on when the page is gone. */
function sendAtLast () {
  const body = new URLSearchParams([...new FormData(form)].filter(([, value]) => typeof value === 'string'))
  body.set('page', numbered())
  const headers = { ...guard(), ...UNATTENDED, 'HX-Request': 'true' }
  fetch(form.getAttribute('hx-put'), { method: 'PUT', headers, body, keepalive: true }).catch(() => {})
}

/** Not read from its field: browsers put back what the field of an earlier page, which counted further, was left with. */
const numbered = () => `${form.dataset.page}.${++number}`

const plain = (element) => element?.textContent.trim().replace(/\s+/g, ' ') ?? ''

function inFull (field, label) {
  const question = plain(field.closest('fieldset')?.querySelector('legend'))
  return question ? `${question}${question.endsWith('?') ? '' : ':'} ${label}` : label
}

/** The answers as the server drew them. What is on the page can differ already: a browser puts back what was typed
    before a reload, and people answer before this script has come. */
function asDrawn () {
  const words = [...form.querySelectorAll('textarea, input[type="date"]')].map((field) => [field, field.value])
  const choices = [...form.querySelectorAll('input[type="radio"], input[type="checkbox"]')].map((field) => [field, field.checked])
  for (const [field] of words) field.value = field.defaultValue
  for (const [field] of choices) field.checked = field.defaultChecked
  const drawn = answers()
  for (const [field, value] of words) field.value = value
  for (const [field, checked] of choices) field.checked = checked
  return drawn
}

/** What was marked as missing and is answered now loses its mark; nothing is newly marked while somebody types. */
function tidyErrors () {
  const missing = document.getElementById('standing').dataset.missing.split(' ')
  for (const message of document.querySelectorAll('.nhsuk-error-message[id$="-error"]')) {
    const name = message.id.slice(0, -'-error'.length)
    if (missing.includes(name)) continue
    message.closest('.nhsuk-form-group--error, .app-decision--error')?.classList.remove('nhsuk-form-group--error', 'app-decision--error')
    document.querySelector(`.nhsuk-error-summary a[href="#${CSS.escape(name)}"]`)?.closest('li').remove()
    for (const field of document.querySelectorAll(`[aria-describedby~="${CSS.escape(message.id)}"]`)) {
      field.classList.remove('nhsuk-input--error', 'nhsuk-textarea--error')
    }
    message.remove()
  }
  const summary = document.querySelector('.nhsuk-error-summary')
  if (summary && !summary.querySelector('li')) summary.remove()
}
