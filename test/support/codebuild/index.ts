/** AWS CodeBuild on this machine: the wire protocol, the checks and the state machine; rules and sources in docs/testing-aws.md. */
export { BuildEnded, PhaseFailure } from './executor.ts';
export type { BuildSession, ContainerPhase, Executor } from './executor.ts';
export type { BuildFault, CallFault, Fault, Injected } from './faults.ts';
export { memoryLogs, type LogSink, type LogStream } from './log-sink.ts';
export type * from './model.ts';
export type { Operation } from './operation.ts';
export { scriptedExecutor, type Script } from './scripted.ts';
export { startCodeBuild } from './server.ts';
export type * from './service.ts';
