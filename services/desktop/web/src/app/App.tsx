import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { Suspense, useEffect, useSyncExternalStore } from 'react'
import { I18nProvider } from 'react-aria-components'
import { onSignedOut } from '@/api/client'
import { ApiProblem } from '@/api/problem'
import { changes } from '@/live/changes'
import { readSession, SessionContext } from '@/session/session'
import { locale, useLanguage } from '@/texts/language'
import { router } from './router'
import { Welcome } from './Welcome'

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // What is shown follows the stream of changes. A break of the stream says what to read again.
      staleTime: Number.POSITIVE_INFINITY,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      retry: (failures, error) => failures < 3 && error instanceof ApiProblem && error.isLost,
    },
  },
})

export function App() {
  useLanguage()
  return (
    <I18nProvider locale={locale()}>
      <QueryClientProvider client={client}>
        <Gate />
      </QueryClientProvider>
    </I18nProvider>
  )
}

/** The pages for who is signed in, the way in for others. The pages stay under the way in when the session ends. */
function Gate() {
  const {
    data: session,
    isPending,
    isError,
    refetch,
  } = useQuery({ queryKey: ['session'], queryFn: readSession })
  useEffect(() => onSignedOut(() => void refetch()), [refetch])
  if (isPending) return null
  if (!session) return <Welcome ended={false} failed={isError} onRetry={() => void refetch()} />
  return (
    <SessionContext value={session}>
      <Signed onEnd={() => void refetch()} />
    </SessionContext>
  )
}

function Signed({ onEnd }: { onEnd: () => void }) {
  const stream = changes()
  const ended = useSyncExternalStore(stream.watch, () => stream.stand === 'signed-out')
  useEffect(() => {
    if (ended) onEnd()
  }, [ended, onEnd])
  return (
    <Suspense fallback={null}>
      <RouterProvider router={router} />
    </Suspense>
  )
}
