// A form that only carries the browser on: it goes by itself, and by its button where scripts are off.
document.querySelector('form[data-submit-at-once]')?.submit()
