// Is a photo worth a second look? Sharp or not: the variance of the Laplacian, tile by tile: skin is smooth, so one sharp tile is enough.

const WIDTH = 800
const TILES = 6
/** Below this, no tile has an edge that a focused lens would have drawn. */
export const SHARP = 40

/** The largest variance of the Laplacian in any tile of an RGBA picture, in grey levels squared. */
export function sharpness ({ data, width, height }) {
  const grey = new Float32Array(width * height)
  for (let i = 0; i < grey.length; i++) grey[i] = 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]
  let best = 0
  for (let row = 0; row < TILES; row++) {
    for (let column = 0; column < TILES; column++) {
      const left = Math.max(1, Math.floor((column * width) / TILES))
      const right = Math.min(width - 1, Math.floor(((column + 1) * width) / TILES))
      const top = Math.max(1, Math.floor((row * height) / TILES))
      const bottom = Math.min(height - 1, Math.floor(((row + 1) * height) / TILES))
      let count = 0
      let sum = 0
      let squares = 0
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) {
          const i = y * width + x
          const value = grey[i - 1] + grey[i + 1] + grey[i - width] + grey[i + width] - 4 * grey[i]
          count++
          sum += value
          squares += value * value
        }
      }
      if (count) best = Math.max(best, squares / count - (sum / count) ** 2)
    }
  }
  return best
}

/** What is doubtful about a file: "blurred", "screen" (a picture of this phone's own screen), or nothing. Where this
    browser cannot open it (HEIC in most), nothing is said. */
export async function doubtOf (file) {
  if (!('createImageBitmap' in window)) return ''
  let bitmap
  try {
    bitmap = await createImageBitmap(file)
  } catch {
    return ''
  }
  if (file.type === 'image/png' && isScreen(bitmap)) return 'screen'
  const scale = Math.min(1, WIDTH / Math.max(bitmap.width, bitmap.height))
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(3, Math.round(bitmap.width * scale))
  canvas.height = Math.max(3, Math.round(bitmap.height * scale))
  const context = canvas.getContext('2d', { willReadFrequently: true })
  if (!context) return ''
  context.imageSmoothingQuality = 'high'
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
  bitmap.close()
  return sharpness(context.getImageData(0, 0, canvas.width, canvas.height)) < SHARP ? 'blurred' : ''
}

function isScreen ({ width, height }) {
  const sides = [window.screen.width, window.screen.height].map((side) => Math.round(side * window.devicePixelRatio))
  return sides.every((side, each) => Math.abs(side - [width, height][each]) <= 2)
}
