// "Copy" beside a text that is shown once. Without scripts the text is there to be marked and copied.
for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = !navigator.clipboard
  button.addEventListener('click', async () => {
    const text = document.getElementById(button.dataset.copy)
    const said = document.querySelector('[data-copied]')
    try {
      await navigator.clipboard.writeText(text.value)
      said.textContent = 'Copied.'
    } catch {
      text.focus()
      text.select()
      said.textContent = 'Your browser does not allow copying here. The text is marked: copy it with the keyboard.'
    }
  })
}
