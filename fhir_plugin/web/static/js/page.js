// Every page: the design system's own behaviour, and what htmx sends along.
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

document.body.addEventListener('htmx:configRequest', (event) => {
  Object.assign(event.detail.headers, guard())
})
