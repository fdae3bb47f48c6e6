export default function Composer(_: { whole: unknown; etag: string; work: unknown; onSent?: () => void }) {
  return null
}
