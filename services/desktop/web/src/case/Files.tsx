import { useEffect, useState } from 'react'
import type { Attachment } from '@/api/case-mgmt'
import { fileOf, type ServiceName } from '@/api/client'
import { Icon } from '@/design/icons'
import { toast } from '@/design/toasts'
import { bytes } from '@/format/number'
import { useTexts } from '@/texts/catalogue'
import styles from './case.module.css'
import { useSeen } from './data'
import { texts } from './texts'

const PICTURES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp'])
// A picture is read whole before it is shown small.
const LARGEST = 5_000_000

/** The files of a message, which the service of its channel keeps. */
export function Files({ files, channel }: { files: readonly Attachment[]; channel: string }) {
  const service: ServiceName =
    channel === 'email' ? 'ingest-email' : channel === 'social' ? 'ingest-social' : 'ingest-direct'
  return (
    <ul className={styles.files}>
      {files.map(file => (
        <li key={file.attachment_id}>
          <File file={file} service={service} />
        </li>
      ))}
    </ul>
  )
}

function File({ file, service }: { file: Attachment; service: ServiceName }) {
  const t = useTexts(texts)
  const [watch, seen] = useSeen()
  const type = file.media_type.split(';')[0]?.trim().toLowerCase() ?? ''
  const isPicture = PICTURES.has(type) && file.size_bytes <= LARGEST
  const picture = usePicture(service, file.attachment_id, type, isPicture && seen)
  const save = async () => {
    try {
      const address = URL.createObjectURL(await fileOf(service, `/attachments/${file.attachment_id}`))
      const link = document.createElement('a')
      link.href = address
      link.download = file.filename
      link.click()
      setTimeout(() => URL.revokeObjectURL(address), 60_000)
    } catch {
      toast({ text: t.fileFailed, tone: 'late' })
    }
  }
  return (
    <button type="button" ref={watch} className={styles.file} onClick={() => void save()}>
      {isPicture ? (
        <span className={styles.thumb}>{picture && <img src={picture} alt="" />}</span>
      ) : (
        <Icon name="attach" size={16} />
      )}
      <span className={styles.fileText}>
        <span className={styles.fileName}>
          <span className="hidden">{t.download} </span>
          {file.filename}
        </span>
        <span className="dim small">
          {type} · {bytes(file.size_bytes)}
        </span>
      </span>
    </button>
  )
}

/** The address of a picture's bytes while it is shown. The sender's media type is not trusted beyond the list above. */
function usePicture(service: ServiceName, id: string, type: string, wanted: boolean): string | null {
  const [address, setAddress] = useState<string | null>(null)
  useEffect(() => {
    if (!wanted) return
    let made = ''
    let gone = false
    fileOf(service, `/attachments/${id}`)
      .then(file => {
        if (gone) return
        made = URL.createObjectURL(new Blob([file], { type }))
        setAddress(made)
      })
      .catch(() => undefined)
    return () => {
      gone = true
      URL.revokeObjectURL(made)
    }
  }, [service, id, type, wanted])
  return address
}
