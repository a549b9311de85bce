// Body site: a combobox (ARIA 1.2, list autocomplete) that asks the server, and a body outline that fills its list.
import { heed } from './page.js'

const outline = document.getElementById('outline')
let asking = null

outline.addEventListener('click', (event) => {
  if (event.target === outline || event.target.closest('[data-close]')) outline.close()
  const region = event.target.closest('[data-region]')
  if (region) choose(region.dataset.region)
})
outline.addEventListener('keydown', (event) => {
  const region = event.target.closest('path[data-region]')
  if (region && (event.key === 'Enter' || event.key === ' ')) {
    event.preventDefault()
    choose(region.dataset.region)
  }
})

function choose (region) {
  const picker = asking
  outline.close()
  picker?.list({ region })
}

const BODY = 'M12 1.500a2.700 2.700 0 1 1 0 5.400 2.700 2.700 0 0 1 0-5.400ZM8 8h8l2.500 7.500-1.700.6L15.500 12v10.500h-2.700V16h-1.600v6.500H8.500V12l-1.300 4.100-1.700-.6Z'

/** Turns every place of the form that still waits for it into a site picker. Safe to call again for new cards. */
export function pickSites (form, save) {
  for (const place of form.querySelectorAll('[data-site-picker]:not([data-ready])')) {
    place.dataset.ready = 'yes'
    picker(form, place, save)
  }
}

function picker (form, place, save) {
  const id = place.dataset.sitePicker
  const side = form.querySelector(`[data-side-of="${id}"]`)
  const value = Object.assign(document.createElement('input'), { type: 'hidden', name: `site-${id}`, value: place.dataset.code })
  const input = Object.assign(document.createElement('input'), { type: 'text', id: `site-${id}`, className: 'nhsuk-input', autocomplete: 'off', spellcheck: false, value: place.dataset.display })
  const error = document.getElementById(`site-${id}-error`)
  const attributes = { role: 'combobox', 'aria-expanded': 'false', 'aria-autocomplete': 'list', 'aria-controls': `sites-${id}`, placeholder: 'Type, for example left knee' }
  if (error) attributes['aria-describedby'] = error.id
  for (const [name, text] of Object.entries(attributes)) input.setAttribute(name, text)
  const options = Object.assign(document.createElement('ul'), { id: `sites-${id}`, className: 'app-options', hidden: true })
  options.setAttribute('role', 'listbox')
  options.setAttribute('aria-label', 'Body sites')
  const open = Object.assign(document.createElement('button'), { type: 'button', className: 'app-tool app-outline-button' })
  open.setAttribute('aria-label', `Choose on a body outline${place.querySelector('label span')?.textContent ?? ''}`)
  open.innerHTML = `<svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false"><path fill="currentColor" d="${BODY}"/></svg>`
  const row = Object.assign(document.createElement('div'), { className: 'app-site__row' })
  row.append(input, open, options)
  const told = Object.assign(document.createElement('span'), { className: 'nhsuk-u-visually-hidden' })
  told.setAttribute('role', 'status')
  place.append(value, row, told)

  let found = []
  let at = -1
  let asked = 0
  let timer
  let isCurrent = true // the list is that of the words in the field, or none is on its way

  const showSide = (paired) => {
    side.hidden = !paired
    if (!paired) for (const radio of side.querySelectorAll('input')) radio.checked = false
  }
  const close = () => {
    clearTimeout(timer)
    asked++ // a list that is on its way would open again, and take the focus back from where somebody has gone
    isCurrent = true
    options.hidden = true
    input.setAttribute('aria-expanded', 'false')
    input.removeAttribute('aria-activedescendant')
    at = -1
  }
  const mark = (next) => {
    at = next
    ;[...options.children].forEach((option, index) => option.setAttribute('aria-selected', String(index === at)))
    const active = options.children[at]
    if (active) {
      input.setAttribute('aria-activedescendant', active.id)
      active.scrollIntoView({ block: 'nearest' })
    } else input.removeAttribute('aria-activedescendant')
  }
  const take = (site) => {
    value.value = site.code
    input.value = site.display
    place.dataset.display = site.display
    showSide(site.paired)
    for (const radio of site.side ? side.querySelectorAll('input') : []) radio.checked = radio.value === site.side
    close()
    save()
  }
  const show = (sites) => {
    const marked = found[at]
    isCurrent = true
    found = sites
    told.className = 'nhsuk-u-visually-hidden'
    options.replaceChildren(...sites.map((site, index) => {
      const option = Object.assign(document.createElement('li'), { id: `sites-${id}-${index}`, textContent: site.side ? `${site.display}, ${site.side}` : site.display })
      option.setAttribute('role', 'option')
      option.setAttribute('aria-selected', 'false')
      option.addEventListener('mousedown', (event) => { event.preventDefault(); take(site) })
      return option
    }))
    options.hidden = sites.length === 0
    input.setAttribute('aria-expanded', String(sites.length > 0))
    mark(marked ? sites.findIndex((site) => site.code === marked.code && site.side === marked.side) : -1)
    told.textContent = sites.length ? `${sites.length} body sites. Use the arrow keys.` : 'No body site of that name.'
  }
  const list = async (query) => {
    input.focus()
    const turn = ++asked
    try {
      const answer = await fetch(`${form.dataset.sites}?${new URLSearchParams(query)}`, { headers: { Accept: 'application/json' } })
      heed(answer.status)
      const sites = answer.ok ? (await answer.json()).sites : null
      if (turn === asked) sites ? show(sites) : unlisted()
    } catch {
      if (turn === asked) unlisted()
    }
  }
  const unlisted = () => {
    found = []
    close()
    told.className = 'nhsuk-hint'
    told.textContent = 'The body sites could not be listed. Type again, or press the down arrow.'
  }

  input.addEventListener('input', (event) => {
    event.stopPropagation()
    clearTimeout(timer)
    value.value = ''
    const typed = input.value.trim()
    if (!typed) { asked++; close(); showSide(false); save(); return }
    asked++
    isCurrent = false
    mark(-1)
    timer = setTimeout(() => list({ q: typed }), 120)
  })
  input.addEventListener('change', (event) => event.stopPropagation())
  input.addEventListener('keydown', (event) => {
    const shown = !options.hidden
    if (event.key === 'ArrowDown') {
      event.preventDefault()
      if (shown) mark((at + 1) % found.length)
      else list(input.value.trim() && !value.value ? { q: input.value.trim() } : {})
    } else if (event.key === 'ArrowUp' && shown) {
      event.preventDefault()
      mark((at - 1 + found.length) % found.length)
    } else if (event.key === 'Enter') {
      event.preventDefault()
      if (shown && found.length && (isCurrent || at >= 0)) take(found[Math.max(at, 0)]) // never the first of an older list
    } else if (event.key === 'Escape' && shown) {
      event.preventDefault()
      close()
    }
  })
  input.addEventListener('blur', () => {
    close()
    if (!value.value && found.length === 1 && input.value.trim().toLowerCase() === found[0].display.toLowerCase()) take(found[0])
    else if (!value.value && input.value.trim()) input.value = ''
  })
  open.addEventListener('click', () => { asking = { list }; outline.showModal() })

  showSide(place.dataset.paired === 'yes')
}
