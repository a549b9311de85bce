// Questions that follow from another answer are hidden until that answer is given. While hidden they are not sent,
// so that what was typed before a change of mind does not count; it is still there when the mind changes back.

export function followUps (form) {
  const update = () => {
    const said = new FormData(form)
    for (const follower of form.querySelectorAll('[data-show-when]')) { // cards come and go
      const values = follower.dataset.showValues.split(' ')
      const shown = follower.dataset.showWhen.split(' ').some((name) => values.includes(said.get(name)))
      follower.hidden = !shown
      for (const field of follower.querySelectorAll('input, textarea')) field.disabled = !shown
    }
    cameraDay(form)
  }
  form.addEventListener('change', update, { capture: true }) // before the autosave reads the form
  update()
  return update
}

/** The day that every camera names spares typing it; where they differ nobody guesses. */
function cameraDay (form) {
  const taken = form.querySelector('#taken_on')
  const days = new Set([...form.querySelectorAll('[data-camera-day]')].map((card) => card.dataset.cameraDay))
  if (!taken.disabled && !taken.value && days.size === 1) taken.value = [...days][0]
}
