/** The Harbor task format: folders, `task.toml`, versions, archives, and the Trial that runs a task. */
export { ArchiveError } from './archive/directory.ts';
export { packContext, packTask, packTexts } from './archive/pack.ts';
export { unpack } from './archive/unpack.ts';
export type { UnpackLimits, UnpackOptions } from './archive/unpack.ts';
export { artifactPlace } from './artifact-place.ts';
export { contextArchives, taskKeys, taskPrefix, versionOf } from './bucket.ts';
export type { TaskKeys } from './bucket.ts';
export { parseTaskToml, readTaskToml } from './toml/parse.ts';
export { TaskFormatError } from './toml/problems.ts';
export type { Problem } from './toml/problems.ts';
export type { EnvironmentConfig, StepConfig, TaskConfig, VerifierConfig } from './toml/schema.ts';
export { resolveEnv, templateOf } from './toml/variables.ts';
export type { MissingVariable, Template } from './toml/variables.ts';
export { stripCanary } from './folder/instruction.ts';
export { readTask } from './folder/read.ts';
export { unpackedHash } from './folder/unpacked.ts';
export { environmentHash, taskDigest, taskHash, taskId, taskVersion } from './hash.ts';
export { filesThatMatter, layoutHash, METADATA_MAX_BYTES, readMetadata, taskMetadata } from './metadata.ts';
export type { ContextHashes, TaskMetadata } from './metadata.ts';
export { CONTEXT, testContexts } from './task.ts';
export { composeContexts } from './compose/of-task.ts';
export type { Task, TaskFile, TaskFolder } from './task.ts';
export { COMPOSE_FILE } from './compose/document.ts';
export { MAIN } from './compose/compose.ts';
export { taskOfConfigMap } from './config-map.ts';
export { compile, filledIn, refusalOf } from './compile/compile.ts';
export { podNetworkOf } from './compile/network.ts';
export { headerVariables } from './compile/tools.ts';
export { refusedBySpec, refusedOf, storedSpec, unrunVerifiers } from './compile/refusals.ts';
export type {
  CompilableTask,
  Compiled,
  CompileDefaults,
  CompiledEnvironment,
  CompiledService,
  CompiledSpec,
  CompiledStep,
  CompileProblem,
  EnvironmentMount,
} from './compile/types.ts';
export { missingParts, unsupportedFields, unsupportedParts } from './unsupported.ts';
export type { Unsupported } from './unsupported.ts';
