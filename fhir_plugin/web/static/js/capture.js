// The add-images screen: uploads, body sites, follow-up questions, and telling people that their words are safe.
import { watchCleaning } from './cleaning.js'
import { followUps } from './follow-ups.js'
import { furtherQuestions } from './further.js'
import { pickSites } from './site-picker.js'
import { takeUploads } from './uploads.js'
import { watchSaving } from './saving.js'

const form = document.getElementById('answers')
const save = () => window.htmx.trigger(form, 'save-now')

const update = followUps(form)
pickSites(form, save)
watchSaving(form)
furtherQuestions(form, save)
takeUploads(form, (card) => {
  window.htmx.process(card)
  pickSites(form, save)
  update()
  save()
})
watchCleaning(save)
document.body.addEventListener('htmx:oobAfterSwap', update)
form.dataset.ready = 'yes'
