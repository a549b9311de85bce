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

  form.addEventListener('htmx:sendError', () => { failed('Not saved yet: no connection. Trying again.'); again() })
  form.addEventListener('htmx:responseError', (event) => {
    const { xhr } = event.detail
    let error
    try { error = JSON.parse(xhr.responseText).error } catch { error = null }
    failed(`Not saved. ${error ? `${error.title}. ${error.what_to_do}` : 'Trying again.'}`)
    if (xhr.status >= 500) again()
  })
  form.addEventListener('htmx:afterOnLoad', () => clearTimeout(trying))

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
