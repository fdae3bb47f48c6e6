import { useEffect, useState } from 'react'
import styles from './case.module.css'

/**
 * The markup of a mail in a frame of its own, which runs no script, loads nothing and leads nowhere.
 *
 * The page's content policy holds in the frame too, so its one style has the page's nonce.
 */
export function MailFrame({ html, label }: { html: string; label: string }) {
  const [address, setAddress] = useState('')
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([documentOf(html, nonce())], { type: 'text/html' }))
    setAddress(made)
    return () => URL.revokeObjectURL(made)
  }, [html])
  return address ? (
    <iframe
      className={styles.frame}
      title={label}
      src={address}
      sandbox=""
      referrerPolicy="no-referrer"
      loading="lazy"
    />
  ) : (
    <div className={styles.frame} />
  )
}

function nonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? ''
}

/** A whole document around sanitised markup. Links show their address and are not followed; pictures are not loaded. */
export function documentOf(html: string, nonce: string): string {
  const inert = html
    .replaceAll(/(<a\b[^>]*?) href="([^"]*)"/gi, '$1 title="$2"')
    .replaceAll(/(<img\b[^>]*?) src="[^"]*"/gi, '$1')
  return `<!doctype html><html><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'nonce-${nonce}'">
<style nonce="${nonce}">
:root { color-scheme: light; }
body { margin: 12px; background: #fff; color: #161b1a; font: 15px/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
a { color: #12655f; text-decoration: underline; }
table { border-collapse: collapse; max-width: 100%; }
td, th { padding: 2px 6px; vertical-align: top; }
pre { white-space: pre-wrap; }
</style></head><body>${inert}</body></html>`
}
