import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: { target: 'es2023', sourcemap: false, assetsInlineLimit: 0, manifest: true },
  server: { port: 5173, strictPort: true, proxy: { '/api': devTarget(), '/session': devTarget() } },
  test: { include: ['src/**/*.test.{ts,tsx}'], testTimeout: 60_000 },
})

/** `DESKTOP=http://localhost:8100 npx vite` serves the pages from source, with the API of a desktop that runs. */
function devTarget() {
  return process.env.DESKTOP ?? 'http://localhost:8100'
}
