// A video while it is cleaned: how far it is, asked beside the form's own saving, so that neither is taken for the other.
import { heed } from './page.js'

const EVERY = 2000 // milliseconds

/** `made` is called whenever a video is ready or turned out to be none. */
export function watchCleaning (made) {
  const look = async () => {
    for (const waiting of document.querySelectorAll('[data-cleaning]')) await ask(waiting, made)
    setTimeout(look, EVERY)
  }
  setTimeout(look, EVERY)
}

async function ask (waiting, made) {
  let answer
  let page
  try {
    answer = await fetch(waiting.dataset.cleaning, { headers: { Accept: 'text/html', 'HX-Request': 'true' }, cache: 'no-store' })
    page = new DOMParser().parseFromString(await answer.text(), 'text/html')
  } catch {
    return // no signal: asked again
  }
  if (!answer.ok) {
    heed(answer.status)
    if (answer.status === 404) delete waiting.dataset.cleaning // it is no longer part of the set
    return
  }
  const id = answer.headers.get('X-Replaces') ?? waiting.id
  const before = document.getElementById(id)
  const after = page.getElementById(id)
  if (!before || !after) return
  const isHere = before.contains(document.activeElement)
  const card = before.closest('.app-card')
  before.replaceWith(after)
  if (id === waiting.id) return
  document.getElementById('upload-status').textContent = page.getElementById('upload-status').textContent
  if (isHere) (after.matches('.app-card') ? after : card).focus()
  made()
}
