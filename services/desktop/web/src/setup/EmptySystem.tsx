import { Link, useLocation, useNavigate } from '@tanstack/react-router'
import { useEffect } from 'react'
import { Banner } from '@/design/show'
import { useTexts } from '@/texts/catalogue'
import { useIsEmpty } from './empty'
import { texts } from './texts'

/** Leads who may set up a system without agents to its set-up: from the inbox at once, from other pages by a link. */
export default function EmptySystem() {
  const t = useTexts(texts)
  const isEmpty = useIsEmpty()
  const go = useNavigate()
  const at = useLocation({ select: location => location.pathname })
  const isLed = isEmpty === true && at === '/inbox'
  useEffect(() => {
    if (isLed) void go({ to: '/setup', replace: true })
  }, [isLed, go])
  if (!isEmpty || isLed || at === '/setup') return null
  return (
    <Banner>
      {t.isEmpty} <Link to="/setup">{t.setUp}</Link>
    </Banner>
  )
}
