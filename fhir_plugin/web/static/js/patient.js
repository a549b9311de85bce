// On every patient's page: the focus goes to what went wrong, and one press is one press, also on a slow network.
document.querySelector('[data-focus]')?.focus()

for (const form of document.querySelectorAll('form')) {
  form.addEventListener('submit', (event) => {
    const button = event.submitter
    if (!button || !('once' in button.dataset)) return
    if (form.dataset.sent) {
      event.preventDefault()
      return
    }
    form.dataset.sent = 'yes'
    button.setAttribute('aria-disabled', 'true')
    button.classList.add('p-busy')
    if (button.dataset.doing) button.textContent = button.dataset.doing
  })
}

// A link that looks like a button is pressed with the space bar, too.
for (const link of document.querySelectorAll('a[role="button"]')) {
  link.addEventListener('keydown', (event) => {
    if (event.key !== ' ') return
    event.preventDefault()
    link.click()
  })
}

// The back button may bring a page back as it was left: its buttons work again.
window.addEventListener('pageshow', (event) => {
  if (!event.persisted) return
  for (const form of document.querySelectorAll('form[data-sent]')) delete form.dataset.sent
  for (const button of document.querySelectorAll('.p-busy')) {
    button.classList.remove('p-busy')
    button.removeAttribute('aria-disabled')
  }
})
