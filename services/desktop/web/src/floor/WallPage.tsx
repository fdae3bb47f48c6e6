import { Empty } from '@/design/show'

export default function WallPage() {
  return <Empty icon="inbox" title="WallPage" />
}
