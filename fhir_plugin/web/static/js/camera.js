// A camera of this computer, where there is one and we may use it; else the file chooser, which on a phone is the camera.

export function offerCamera (take) {
  const input = document.getElementById('camera')
  const dialog = document.getElementById('camera-dialog')
  const video = dialog.querySelector('video')
  const desk = window.matchMedia('(hover: hover) and (pointer: fine)').matches
  if (!desk || !navigator.mediaDevices?.getUserMedia) return
  let refused = false

  const stop = () => {
    for (const track of video.srcObject?.getTracks() ?? []) track.stop()
    video.srcObject = null
  }
  const open = async () => {
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { facingMode: 'environment', width: { ideal: 4096 }, height: { ideal: 3072 } },
      })
    } catch {
      refused = true // no camera, or the EHR's frame does not let us: the chooser opens instead, now and later
      input.click()
      return
    }
    dialog.showModal()
    await video.play()
  }

  input.addEventListener('click', (event) => {
    if (refused) return
    event.preventDefault()
    open()
  })
  dialog.addEventListener('close', stop)
  dialog.querySelector('[data-close]').addEventListener('click', () => dialog.close())
  dialog.querySelector('[data-shoot]').addEventListener('click', () => {
    if (!video.videoWidth) return
    const canvas = Object.assign(document.createElement('canvas'), { width: video.videoWidth, height: video.videoHeight })
    canvas.getContext('2d').drawImage(video, 0, 0)
    canvas.toBlob((blob) => {
      if (blob) take([new File([blob], 'camera.jpg', { type: 'image/jpeg' })])
      dialog.close()
    }, 'image/jpeg', 0.95)
  })
}
