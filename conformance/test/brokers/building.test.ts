import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { announcedSteps } from '../../src/brokers/announced-steps.ts'
import { isDebian } from '../../src/brokers/bare-debian.ts'
import { settingsOf } from '../../src/brokers/build-image.ts'
import { textOfFrames } from '../../src/brokers/container-output.ts'
import { NO_ENGINE } from '../../src/brokers/engine.ts'
import { followProgress } from '../../src/brokers/engine-progress.ts'

test('a build announces the commands it runs, and neither cached nor other steps', () => {
  const announced: string[] = []
  const show = announcedSteps(step => announced.push(step))
  const lines = [
    'Step 1/4 : FROM busbar/base\n',
    'Step 2/4 : RUN first   thing\n',
    ' ---> Using cache\n',
    'Step 3/4 : RUN second   thing\n',
    ' ---> Running in 0123\n',
    'Step 4/4 : USER nobody\n',
    ' ---> Running in 4567\n',
  ]
  for (const stream of lines) show({ stream })
  expect(announced).toEqual(['3/4 RUN second thing'])
})

test('a failure inside a stream that began well is a failure', async () => {
  const seen: unknown[] = []
  const progress = Readable.from(['{"stream":"Step 1"}\r\n{"err', 'or":"apt-get returned 100"}\r\n'])
  await expect(followProgress(progress, event => seen.push(event))).rejects.toThrow('apt-get returned 100')
  expect(seen).toHaveLength(2)
})

test('a build gets the proxies and module proxy of this machine, and nothing else', () => {
  const environment = { GOPROXY: 'direct', https_proxy: 'http://there:1', HTTP_PROXY: '', TOKEN: 'geheim' }
  expect(settingsOf(environment)).toEqual({ GOPROXY: 'direct', HTTPS_PROXY: 'http://there:1' })
})

test('packages are installed on Debian itself only', () => {
  expect(isDebian('NAME="Debian GNU/Linux"\nID=debian\n')).toBe(true)
  expect(isDebian('NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n')).toBe(false)
})

test('without an engine the message names both ways out', () => {
  expect(NO_ENGINE).toMatch(/install and start Docker/)
  expect(NO_ENGINE).toMatch(/BUSBAR_RABBITMQ_URL/)
})

test('logs are read out of their frames, both streams in order', () => {
  const frame = (stream: number, text: string) =>
    Buffer.concat([Buffer.from([stream, 0, 0, 0, 0, 0, 0, text.length]), Buffer.from(text)])
  expect(textOfFrames(Buffer.concat([frame(1, 'out\n'), frame(2, 'err\n')]))).toBe('out\nerr\n')
})
