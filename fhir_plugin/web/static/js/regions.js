// Rectangles as fractions of the turned, uncropped picture, and as the text that forms carry (percentages).

export const NEW_CROP = { left: 0.1, top: 0.1, right: 0.9, bottom: 0.9 }
export const NEW_BOX = { left: 0.4, top: 0.4, right: 0.6, bottom: 0.55 }
const SMALLEST = 0.01

/** The region inside the picture, or null when it would have no width or height. */
export function clamped (region) {
  const inside = (value) => Math.min(1, Math.max(0, value))
  const next = { left: inside(region.left), top: inside(region.top), right: inside(region.right), bottom: inside(region.bottom) }
  return next.right - next.left >= SMALLEST && next.bottom - next.top >= SMALLEST ? next : null
}

/** With one edge beyond the opposite one, which moves along and keeps the size; null when that leaves nothing. */
export function pushed (region, edge, value) {
  const [near, far] = edge === 'left' || edge === 'right' ? ['left', 'right'] : ['top', 'bottom']
  const size = region[far] - region[near]
  return clamped(edge === near ? { ...region, [near]: value, [far]: value + size } : { ...region, [far]: value, [near]: value - size })
}

/** Where it lies after a quarter turn clockwise. */
export const turned = ({ left, top, right, bottom }) => ({ left: 1 - bottom, top: left, right: 1 - top, bottom: right })

export const asText = ({ left, top, right, bottom }) => [left, top, right, bottom].map((edge) => +(edge * 100).toFixed(4)).join(' ')

export const fromText = (text) => {
  const [left, top, right, bottom] = text.split(' ').map((edge) => Number(edge) / 100)
  return { left, top, right, bottom }
}
