import { Empty } from '@/design/show'

export default function CasePage() {
  return <Empty icon="inbox" title="CasePage" />
}
