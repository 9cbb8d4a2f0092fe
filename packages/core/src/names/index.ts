export { type DedupePurpose, dedupeId } from './dedupe-id.ts'
export {
  checkGroupName,
  checkPrefix,
  checkTopicName,
  NAME_LIMITS,
  type NamedThing,
  nameIssue,
} from './legal-name.ts'
export { NAME_RULES, type NameRules, type Separators } from './name-rules.ts'
export { murmur2, partitionOf } from './partition.ts'
export { type NameKind, type NameParts, physicalName } from './physical-name.ts'
export { checkPattern, compilePattern, isPattern, matches, patternIssue } from './topic-pattern.ts'
