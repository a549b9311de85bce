// Pictures on their way: chosen, dropped, pasted or taken; one after the other, each with its own progress.
import { offerCamera } from './camera.js'
import { guard, heed } from './page.js'

const words = {
  0: 'The connection broke off.',
  413: 'This picture is too large.',
}
const WAIT = 'Still on its way. Nothing was filed: wait until it is here, then file.'

export function takeUploads (form, added) {
  const list = document.getElementById('uploads')
  const cards = document.getElementById('cards')
  const status = document.getElementById('upload-status')
  const drop = document.getElementById('drop')
  const most = Number(form.dataset.mostImages)
  const mostBytes = (file) => Number(file.type.startsWith('video/') ? form.dataset.mostVideoBytes : form.dataset.mostBytes)
  const queue = []
  let busy = false
  let number = 0

  const say = (text) => { status.textContent = text }

  const row = (file) => {
    const item = document.createElement('li')
    item.className = 'app-upload'
    const what = document.createElement('span')
    what.className = 'app-upload__what'
    what.textContent = `New ${file.type.startsWith('video/') ? 'video' : 'picture'} ${++number}, ${file.size < 1e6 ? `${Math.ceil(file.size / 1e3)} KB` : `${(file.size / 1e6).toFixed(1)} MB`}`
    item.dataset.name = what.textContent
    const bar = document.createElement('progress')
    bar.max = 1
    bar.value = 0
    bar.setAttribute('aria-label', what.textContent)
    item.append(what, bar)
    list.append(item)
    return { item, what, bar, file }
  }

  const fail = (upload, text, mayRetry) => {
    upload.item.classList.add('app-upload--failed')
    upload.what.textContent = upload.item.dataset.name
    upload.bar.remove()
    upload.item.querySelector('.app-upload__problem')?.remove()
    const problem = document.createElement('span')
    problem.className = 'app-upload__problem'
    problem.textContent = text
    upload.item.append(problem)
    if (mayRetry) {
      const retry = document.createElement('button')
      retry.type = 'button'
      retry.className = 'app-tool'
      retry.textContent = 'Try again'
      retry.addEventListener('click', () => { upload.item.remove(); take([upload.file]) })
      upload.item.append(retry)
    }
    const close = document.createElement('button')
    close.type = 'button'
    close.className = 'app-tool'
    close.textContent = 'Remove'
    close.setAttribute('aria-label', `Remove ${upload.what.textContent} from the list`)
    close.addEventListener('click', () => { upload.item.remove(); document.getElementById('pictures').focus() })
    upload.item.append(close)
    say(`${upload.what.textContent}: ${text}`)
  }

  const send = (upload) => new Promise((resolve) => {
    const request = new XMLHttpRequest()
    request.open('POST', form.dataset.images)
    for (const [name, value] of Object.entries(guard())) request.setRequestHeader(name, value)
    request.setRequestHeader('Content-Type', 'application/octet-stream')
    request.setRequestHeader('X-File-Type', upload.file.type || 'application/octet-stream')
    request.upload.addEventListener('progress', (event) => {
      if (event.lengthComputable) upload.bar.value = event.loaded / event.total
      if (event.loaded === event.total) {
        upload.what.textContent = `${upload.item.dataset.name}: removing hidden details`
        upload.bar.removeAttribute('value')
      }
    })
    request.addEventListener('load', () => {
      heed(request.status)
      if (request.status === 201) {
        upload.item.remove()
        const holder = document.createElement('template')
        holder.innerHTML = request.responseText
        const card = holder.content.querySelector('li')
        cards.append(card)
        added(card)
        say(`${card.getAttribute('aria-label')} added. ${card.querySelector('.app-removed').textContent.trim()}`)
      } else {
        let text = words[request.status] ?? 'This picture could not be added.'
        try {
          const { error } = JSON.parse(request.responseText)
          text = [error.message || error.title, error.what_to_do].filter(Boolean).join(' ')
        } catch { /* not our answer: keep the plain words */ }
        fail(upload, text, request.status >= 500)
      }
      resolve()
    })
    request.addEventListener('error', () => { fail(upload, words[0], true); resolve() })
    request.addEventListener('abort', () => { fail(upload, words[0], true); resolve() })
    request.send(upload.file)
  })

  const work = async () => {
    if (busy) return
    busy = true
    while (queue.length) await send(queue.shift())
    busy = false
  }

  const take = (files) => {
    for (const file of files) {
      const here = cards.querySelectorAll('li:not(.app-card--gone)').length + queue.length + (busy ? 1 : 0)
      const upload = row(file)
      if (here >= most) fail(upload, `A set holds up to ${most} pictures. File these first.`, false)
      else if (file.size > mostBytes(file)) fail(upload, `Too large: up to ${Math.floor(mostBytes(file) / 1048576)} MB each.`, false)
      else if (file.size === 0) fail(upload, 'The file is empty. Choose it again.', false)
      else queue.push(upload)
    }
    work()
  }

  for (const id of ['choose', 'camera']) {
    const input = document.getElementById(id)
    const taken = () => {
      take([...input.files])
      input.value = ''
    }
    input.addEventListener('change', (event) => {
      event.stopPropagation()
      taken()
    })
    input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter') return
      event.preventDefault()
      input.click()
    })
    taken() // chosen before this script had loaded
  }
  for (const over of ['dragenter', 'dragover']) {
    form.addEventListener(over, (event) => {
      if (![...event.dataTransfer.types].includes('Files')) return
      event.preventDefault()
      drop.classList.add('app-drop--over')
    })
  }
  for (const away of ['dragleave', 'drop']) form.addEventListener(away, () => drop.classList.remove('app-drop--over'))
  form.addEventListener('drop', (event) => {
    if (!event.dataTransfer.files.length) return
    event.preventDefault()
    take(event.dataTransfer.files)
  })
  document.addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])]
    if (files.length) {
      event.preventDefault()
      take(files)
    }
  })
  offerCamera(take)
  // Filed without waiting, a picture on its way would be left out; and a page that is half left files nothing any more.
  form.addEventListener('submit', (event) => {
    if (!busy || event.submitter?.id !== 'file') return
    event.preventDefault()
    event.stopImmediatePropagation()
    const first = list.querySelector('li:not(.app-upload--failed)')
    first.querySelector('.app-upload__problem')?.remove()
    first.append(Object.assign(document.createElement('span'), { className: 'app-upload__problem', textContent: WAIT }))
    first.tabIndex = -1
    first.focus()
    say(WAIT)
  }, { capture: true })
  window.addEventListener('beforeunload', (event) => { if (busy) event.preventDefault() })
}
