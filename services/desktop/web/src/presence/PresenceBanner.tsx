import { useEffect, useEffectEvent, useRef } from 'react'
import { announce } from '@/design/announce'
import { Button } from '@/design/controls'
import { Banner } from '@/design/show'
import { duration } from '@/format/time'
import { useNow } from '@/live/clock'
import { useTexts } from '@/texts/catalogue'
import { useFailingSince, useHeartbeats } from './heartbeat'
import { type OwnAgent, useOwnAgent, useOwnAgentFollowed } from './own-agent'
import { useSetPresence } from './set-presence'
import { texts } from './texts'

/** Sends the heartbeats of an agent, and says over every page what they must know of their presence. */
export default function PresenceBanner() {
  useOwnAgentFollowed()
  const agent = useOwnAgent()
  return agent ? <Watched agent={agent} /> : null
}

function Watched({ agent }: { agent: OwnAgent }) {
  const t = useTexts(texts)
  const set = useSetPresence()
  const failingSince = useFailingSince()
  useHeartbeats(agent.presence !== 'offline')
  const presence = useRef(agent.presence)
  const say = useEffectEvent((before: string, now: string) => {
    if (now === 'not-responding') announce(t.missed, 'assertive')
    else if (now === 'offline' && before !== 'offline' && agent.since) announce(t.setOffline, 'assertive')
  })
  useEffect(() => {
    const before = presence.current
    presence.current = agent.presence
    if (before !== agent.presence) say(before, agent.presence)
  }, [agent.presence])
  const back = agent.presences.find(choice => choice.routable)
  if (failingSince !== null)
    return <Failing since={failingSince} lasts={agent.presence_lost_after_s * 1000} />
  if (agent.presence !== 'not-responding') return null
  return (
    <Banner
      tone="late"
      actions={
        back && (
          <Button kind="primary" small onPress={() => void set(back)}>
            {t.back}
          </Button>
        )
      }
    >
      {t.missed}
    </Banner>
  )
}

/** Counts down to the moment when routing sets an agent offline whose heartbeats don't arrive. */
function Failing({ since, lasts }: { since: number; lasts: number }) {
  const t = useTexts(texts)
  useNow()
  const left = since + lasts - Date.now()
  return (
    <Banner tone="late">
      <span aria-hidden="true">{left > 0 ? t.lost(duration(left)) : t.lostNow}</span>
      <span className="hidden">{t.lost(duration(lasts))}</span>
    </Banner>
  )
}
