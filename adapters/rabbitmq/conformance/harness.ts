import { type ChannelModel, connect } from 'amqplib'
import { brokerHarness } from '../../../conformance/src/brokers/broker-harness.ts'
import { adapterFromUrl } from '../src/index.ts'
import { DriverFaults } from './driver-faults.ts'
import { rawClient } from './raw-client.ts'
import { secured } from './secured.ts'

/** RabbitMQ for the conformance suite. */
export default brokerHarness({
  name: 'rabbitmq',
  servers: ['rabbitmq'],
  secured,
  connect({ url }) {
    const ports = new Map<string, number>()
    const driver = new DriverFaults(client => ports.get(client) ?? 0)
    let plain: Promise<ChannelModel> | undefined
    const connection = () => {
      plain ??= connect(url).then(model => {
        // A restart in a case breaks this link too: the next use makes another.
        model.on('error', () => {})
        model.on('close', () => {
          plain = undefined
        })
        return model
      })
      return plain
    }
    return {
      adapter(through, client) {
        ports.set(client, Number(through.port))
        const patient = new URL(through)
        if (!patient.searchParams.has('operationTimeout'))
          patient.searchParams.set('operationTimeout', '3000')
        return adapterFromUrl(patient)
      },
      raw: prefix => rawClient(connection, prefix),
      killChannel: client => driver.killChannels(client),
      faults: {
        loseConfirms: (client, count) => driver.loseConfirms(client, count),
        refusePublishes: (client, count) => driver.refusePublishes(client, count),
        // A retry is a publish: what a settlement needs of the broker is refused with it.
        failSettlements: (client, count) => driver.refusePublishes(client, count),
        failDeadLetters: async count => driver.refuseDeadLetters(count),
      },
      async cleanUp(prefix) {
        const channel = await (await connection()).createChannel()
        await driver.removeDeclared(channel, name => name.startsWith(`${prefix}___`))
        await channel.close()
      },
      async close() {
        driver.uninstall()
        await plain?.then(model => model.close())
      },
    }
  },
})
