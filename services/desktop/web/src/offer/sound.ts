/** A sound of two notes, made by the browser. Browsers allow sound after a person's first gesture on the page. */
let context: AudioContext | undefined

function begin() {
  context ??= new AudioContext()
  void context.resume()
}

/** Prepares the sound at the first gestures. Returns how to stop that. */
export function prepareSound(): () => void {
  const stop = () => {
    removeEventListener('pointerdown', begin)
    removeEventListener('keydown', begin)
  }
  addEventListener('pointerdown', begin)
  addEventListener('keydown', begin)
  return stop
}

/** Plays the sound, if the browser allows it. Returns whether it does. */
export function playSound(): boolean {
  if (context?.state !== 'running') return false
  const now = context.currentTime
  for (const [index, frequency] of [660, 880].entries()) {
    const tone = context.createOscillator()
    const volume = context.createGain()
    const at = now + index * 0.16
    tone.frequency.value = frequency
    volume.gain.setValueAtTime(0.0001, at)
    volume.gain.exponentialRampToValueAtTime(0.18, at + 0.02)
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.3)
    tone.connect(volume).connect(context.destination)
    tone.start(at)
    tone.stop(at + 0.32)
  }
  return true
}
