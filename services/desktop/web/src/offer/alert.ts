import { preferences } from '@/preferences/preferences'
import { playSound } from './sound'

/** How long a tab keeps the right to alert of an offer: longer than any other tab needs to hear of it. */
const HELD = 5000

/**
 * Draws attention to an offer beyond the page: a sound, and a notification of the browser when the page is not seen.
 *
 * Of the tabs of a browser one does it.
 */
export function alertOf(offerId: string, title: string, body: string, onChosen: () => void): void {
  void navigator.locks.request(`antiphon-offer-${offerId}`, { ifAvailable: true }, async lock => {
    if (!lock) return
    if (preferences().sound) playSound()
    if (document.hidden && preferences().notify && Notification.permission === 'granted') {
      const shown = new Notification(title, { body, tag: offerId, requireInteraction: true })
      shown.onclick = () => {
        window.focus()
        shown.close()
        onChosen()
      }
    }
    await new Promise(resolve => setTimeout(resolve, HELD))
  })
}
