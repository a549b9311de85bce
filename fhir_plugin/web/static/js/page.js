// Every page: the design system's own behaviour, and what our scripts send along.
import * as nhsuk from '../vendor/nhsuk-frontend/nhsuk-frontend-10.6.1.min.js'

nhsuk.initAll()

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? ''

/** Headers of every request that changes something: the CSRF token, and the patient this page was made for. */
export const guard = () => ({
  'X-CSRFToken': meta('csrf-token'),
  'X-Patient': meta('patient'),
  'X-Identity': meta('identity'),
  'X-Requested-With': 'fetch',
})

// Both clocks: the steady one may stand still while a computer sleeps, the other may be put back.
export const mark = () => ({ wall: Date.now(), steady: performance.now() })
export const since = (moment) => (moment ? Math.max(Date.now() - moment.wall, performance.now() - moment.steady) / 1000 : Infinity)

const PRESENT = 30 // seconds for which a sign of somebody counts
let acted = null

for (const sign of ['keydown', 'pointerdown', 'wheel', 'touchmove', 'input', 'drop']) {
  window.addEventListener(sign, (event) => { if (event.isTrusted) acted = mark() }, { capture: true, passive: true })
}

/** Whether somebody is at this page now. What focus does when a page moves it is no sign of anybody. */
export const isSomebodyThere = () => since(acted) < PRESENT

/** Sent with what no person asked for at that moment, so that a forgotten page signs its person out. */
export const UNATTENDED = { 'X-Unattended': 'yes' }

/** Every script passes on the status of what it asked: 401 means that nobody is signed in here any more. */
export function heed (status) {
  if (status === 401) document.dispatchEvent(new Event('app:signed-out'))
}

document.body.addEventListener('htmx:configRequest', (event) => {
  const { headers, triggeringEvent } = event.detail
  Object.assign(headers, guard())
  // htmx polls without an event; our own timers say so in theirs.
  if (!triggeringEvent || triggeringEvent.detail?.unattended || !isSomebodyThere()) Object.assign(headers, UNATTENDED)
})
document.body.addEventListener('htmx:responseError', (event) => heed(event.detail.xhr.status))
