// Questions beyond the fast path: one at a time, drawn by the server. They stay as they are while somebody is among
// them; *Continue* takes what was said and shows the next. And several answers in one tap, seen filled in at once.

let moving = false // somebody pressed Continue: what comes back may replace the questions, and focus goes on with them

export function furtherQuestions (form, save) {
  document.body.addEventListener('htmx:oobBeforeSwap', (event) => {
    const { target, fragment } = event.detail
    if (!target?.id || keeps(target)) event.detail.shouldSwap = false
    else if (target.id === 'more' && fragment && isSame(target, fragment)) event.detail.shouldSwap = false
  })
  document.body.addEventListener('htmx:oobAfterSwap', (event) => {
    if (event.detail.target?.id !== 'more' || !moving) return
    moving = false
    goOn(form)
  })
  form.addEventListener('htmx:afterRequest', () => {
    if (moving) { moving = false; goOn(form) }
  })
  form.addEventListener('click', (event) => {
    const next = event.target.closest('[data-next]')
    if (next) {
      event.preventDefault()
      moving = true
      save()
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

/** Nothing is drawn anew under the hands of the person who is answering it. */
function keeps (target) {
  if (moving && target.id === 'more') return false
  const at = document.activeElement
  return ['more', 'at-once'].includes(target.id) || target.id.startsWith('worth-') ? target.contains(at) && at !== target : false
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
