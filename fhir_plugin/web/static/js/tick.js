// One press ticks every box of a group; where all are ticked already, it takes the ticks away.
for (const button of document.querySelectorAll('[data-tick-all]')) {
  button.addEventListener('click', () => {
    const boxes = [...button.closest('[data-ticks]').querySelectorAll('input[type=checkbox]')]
    const all = boxes.every((box) => box.checked)
    for (const box of boxes) box.checked = !all
    button.dispatchEvent(new Event('change', { bubbles: true }))
  })
}
