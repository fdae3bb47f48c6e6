import { Empty } from '@/design/show'

export default function FloorPage() {
  return <Empty icon="inbox" title="FloorPage" />
}
