export {
  BusError,
  type BusErrorOptions,
  type Issue,
  isBusError,
  issuesError,
} from '../../../packages/core/src/errors/index.ts'
