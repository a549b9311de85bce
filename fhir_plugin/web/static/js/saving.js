// Says when answers are saved, and loudly when they are not; tries again by itself when the network is back.

export function watchSaving (form) {
  let trying
  const state = () => document.querySelector('.app-saved')

  const failed = (text) => {
    const note = state()
    if (note) {
      note.textContent = text
      note.classList.add('app-saved--not')
    }
  }
  const again = () => {
    clearTimeout(trying)
    trying = setTimeout(() => window.htmx.trigger(form, 'save-now'), 5000)
  }

  // A save that still waits when a button is pressed would go to the button's `formaction` (htmx 2.0).
  form.addEventListener('htmx:configRequest', (event) => { event.detail.path = form.getAttribute('hx-put') })
  form.addEventListener('htmx:sendError', () => { failed('Not saved yet: no connection. Trying again.'); again() })
  form.addEventListener('htmx:responseError', (event) => {
    const { xhr } = event.detail
    let error
    try { error = JSON.parse(xhr.responseText).error } catch { error = null }
    failed(`Not saved. ${error ? `${error.title}. ${error.what_to_do}` : 'Trying again.'}`)
    if (xhr.status >= 500) again()
  })
  form.addEventListener('htmx:afterRequest', (event) => { if (event.detail.successful) clearTimeout(trying) })
  let reading = false // the note stays open over a save
  form.addEventListener('htmx:beforeSwap', () => { reading = Boolean(document.querySelector('.app-note[open]')) })
  form.addEventListener('htmx:afterSwap', () => {
    document.querySelector('.app-note')?.toggleAttribute('open', reading || Boolean(document.querySelector('.app-note[open]')))
    tidyErrors()
  })

  // A second press while the first is on its way would only ask the same again.
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent && event.submitter?.id === 'file') event.preventDefault()
    if (event.submitter?.id === 'file') {
      form.dataset.sent = 'yes'
      event.submitter.setAttribute('aria-disabled', 'true')
      event.submitter.textContent = 'Filing…'
    }
  })
  window.addEventListener('pageshow', (event) => { if (event.persisted) window.location.reload() })
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
