// Questions that follow from another answer are hidden until that answer is given. Hidden ones keep their values.

export function followUps (form) {
  const followers = [...form.querySelectorAll('[data-show-when]')]
  const update = () => {
    for (const follower of followers) {
      const values = follower.dataset.showValues.split(' ')
      const names = follower.dataset.showWhen.split(' ')
      follower.hidden = !names.some((name) => values.includes(new FormData(form).get(name)))
    }
  }
  form.addEventListener('change', update)
  update()
}
