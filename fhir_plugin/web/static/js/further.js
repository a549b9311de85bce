// Questions beyond the fast path: one at a time, drawn by the server. They stay as they are while somebody is among
// them; *Continue* takes what was said and shows the next. And several answers in one tap, seen filled in at once.
import { wasOvertaken } from './saving.js'

// Somebody pressed Continue: what that very save brings back replaces the questions, and focus goes on with them. What
// an earlier one brings knows nothing of the answer, and would take it away.
let wanted = false // its save waits behind another
let moving = null // the request that it became
let arriving = null

export function furtherQuestions (form, save) {
  document.body.addEventListener('htmx:oobBeforeSwap', (event) => {
    const { target, fragment } = event.detail
    if (!target?.id || keeps(target)) event.detail.shouldSwap = false
    else if (target.id === 'more' && fragment && isSame(target, fragment)) event.detail.shouldSwap = false
  })
  form.addEventListener('htmx:configRequest', (event) => {
    if (wanted) event.detail.parameters.next = 'yes'
  })
  form.addEventListener('htmx:beforeSend', (event) => {
    if (wanted) { moving = event.detail.xhr; wanted = false }
  })
  form.addEventListener('htmx:beforeOnLoad', (event) => {
    arriving = event.detail.xhr
    if (arriving === moving && wasOvertaken()) { moving = null; press(save) } // somebody types faster than it came
  })
  form.addEventListener('htmx:afterRequest', (event) => {
    if (event.detail.xhr !== moving) return
    moving = arriving = null
    if (event.detail.successful) goOn(form)
  })
  form.addEventListener('click', (event) => {
    const next = event.target.closest('[data-next]')
    if (next) {
      event.preventDefault()
      if (!wanted && !moving) press(save) // a second press would ask for the answer to a question nobody has seen yet
    }
    const once = event.target.closest('[data-fills]')
    if (once) {
      event.preventDefault()
      fill(form, JSON.parse(once.dataset.fills))
      save()
    }
  })
  // Whoever leaves the questions after changing one sees what that led to.
  form.addEventListener('focusout', (event) => {
    const more = document.getElementById('more')
    if (more?.contains(event.target) && !more.contains(event.relatedTarget) && event.relatedTarget) save()
  })
}

function press (save) {
  wanted = true
  save()
}

/** Nothing is drawn anew under the hands of the person who is answering it, nor from before what they said last. */
function keeps (target) {
  if (!['more', 'at-once'].includes(target.id) && !target.id.startsWith('worth-')) return false
  if (target.id === 'more') {
    if (arriving !== null && arriving === moving) return false
    if (wanted || moving) return true
  }
  const at = document.activeElement
  return wasOvertaken() || (target.contains(at) && at !== target)
}

const isSame = (target, fragment) => {
  const fresh = fragment.querySelector?.(`#${target.id}`) ?? fragment
  return fresh.innerHTML === target.innerHTML
}

function goOn (form) {
  const open = document.getElementById('open-question')
  const first = open?.querySelector('textarea, input:not([type="hidden"])')
  ;(first ?? form.querySelector('#file') ?? document.getElementById('standing'))?.focus()
}

/** Fills in what the button says, in the fields where anybody can see and change it. */
function fill (form, answers) {
  for (const [name, value] of Object.entries(answers)) {
    for (const field of form.querySelectorAll(`input[type="radio"][name="${CSS.escape(name)}"]`)) {
      field.disabled = false
      field.checked = field.value === value
    }
  }
  form.dispatchEvent(new Event('change', { bubbles: true }))
}
