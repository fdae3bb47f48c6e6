import { Empty } from '@/design/show'

export default function StudioPage() {
  return <Empty icon="inbox" title="StudioPage" />
}
