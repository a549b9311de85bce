// Straight from the gallery: choose pictures, and the page about them opens with the pictures already there.
import { guard, heed } from './page.js'

const input = document.getElementById('straight')
const state = document.getElementById('begin-state')
const form = document.getElementById('begin')

const said = async (answer) => {
  heed(answer.status)
  try {
    const { error } = await answer.json()
    return [error.message || error.title, error.what_to_do].filter(Boolean).join(' ')
  } catch { return 'This picture could not be added.' }
}

let busy = false
window.addEventListener('beforeunload', (event) => { if (busy) event.preventDefault() })

async function add (files) {
  const begun = await fetch(form.action, { method: 'POST', headers: guard() })
  if (!begun.ok) return { problem: await said(begun) }
  const page = begun.url.split('#')[0]
  let problem = ''
  let added = 0
  for (const file of files) {
    state.textContent = files.length === 1 ? 'Adding the picture' : `Adding picture ${added + 1} of ${files.length}`
    const answer = await fetch(`${page}/images`, {
      method: 'POST',
      headers: { ...guard(), 'Content-Type': 'application/octet-stream', 'X-File-Type': file.type || 'application/octet-stream' },
      body: file,
    })
    if (answer.status === 201) added++
    else problem = await said(answer)
  }
  return { page, problem, added }
}

function tell (problem, page, added) {
  state.textContent = problem
  state.classList.add('app-begin__state--problem')
  if (!added) return
  const on = Object.assign(document.createElement('a'), { href: page, textContent: added === 1 ? 'Go on with the picture that was added' : `Go on with the ${added} that were added` })
  state.append(' ', on)
}

async function chosen () {
  const files = [...input.files]
  if (!files.length) return
  input.disabled = busy = true
  state.classList.remove('app-begin__state--problem')
  let done = ''
  try {
    const { page, problem, added } = await add(files)
    if (problem) tell(problem, page, added)
    else done = page
  } catch { tell('The connection broke off. Try again.', '', 0) }
  input.disabled = busy = false
  if (done) window.location.assign(done)
  input.value = ''
}

input?.addEventListener('change', chosen)
input?.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter') return
  event.preventDefault()
  input.click()
})
if (input?.files.length) chosen() // chosen before this script had loaded
