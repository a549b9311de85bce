// Asks the browser to let this app keep its cookie inside the frame (Storage Access API). Only where there is one.

const way = document.getElementById('allow-here')

document.getElementById('origin').textContent = window.location.origin

if (way && window.self !== window.top && 'requestStorageAccess' in document) {
  const button = way.querySelector('button')
  const answer = way.querySelector('[role="status"]')
  way.hidden = false
  button.addEventListener('click', async () => {
    answer.textContent = ''
    try {
      await document.requestStorageAccess()
    } catch {
      answer.textContent = 'Your browser did not allow it. Open the app in a new window instead.'
      return
    }
    window.location.assign(way.dataset.retry)
  })
}
