// The disclosure desk: keys for next, keep and change, which can be switched off (WCAG 2.1.4); how many have a tick;
// printing.
const desk = document.getElementById('desk')
const help = document.getElementById('keys')
const on = document.getElementById('keys-on')
const said = document.getElementById('keys-said')
const KEPT = 'desk-keys'

// A frame may be allowed no storage: then the choice lasts as long as the page.
const kept = () => { try { return window.localStorage.getItem(KEPT) } catch { return null } }
const keep = (value) => { try { window.localStorage.setItem(KEPT, value) } catch { /* for this page alone */ } }

document.querySelector('[data-print]')?.addEventListener('click', () => window.print())

if (desk && help) {
  on.checked = kept() !== 'off'
  on.addEventListener('change', () => keep(on.checked ? 'on' : 'off'))
  document.getElementById('keys-button').addEventListener('click', () => help.showModal())
  document.getElementById('keys-close').addEventListener('click', () => help.close())
  document.addEventListener('keydown', press)
  const here = desk.querySelector('[aria-current=true]')?.parentElement
  const list = document.getElementById('desk-scroll')
  if (here && list.scrollHeight > list.clientHeight) list.scrollTop = here.offsetTop - list.offsetTop - list.clientHeight / 3
  desk.addEventListener('change', count)
  count()
  desk.dataset.ready = 'yes'
}

function count () {
  const ticked = document.getElementById('ticked')
  const number = desk.querySelectorAll('#several [name=item]:checked').length
  if (ticked) ticked.textContent = number ? `(${number} ticked)` : ''
}

function typing (target) {
  return target instanceof HTMLElement && target.matches('input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]')
}

function press (event) {
  if (!on.checked || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector('dialog[open]')) return
  const act = { n: next, k: stays, c: change, '?': () => help.showModal() }[event.key]
  if (!act) return
  event.preventDefault()
  act()
}

function next () {
  if (desk.dataset.following) window.location.assign(desk.dataset.following)
  else said.textContent = 'There is no other item.'
}

function stays () {
  const button = document.getElementById('keep')
  if (button) button.click()
  else if (!desk.dataset.open) next()
  else if (document.getElementById('change')) change()
  else said.textContent = 'Nothing to keep here.'
}

function change () {
  const box = document.getElementById('change')
  if (!box) {
    said.textContent = 'This one cannot be changed.'
    return
  }
  box.open = true
  box.querySelector('input[type=radio]').focus()
}
