/** Composition root: starts controllers and broker. Every replica serves the broker; the leader reconciles. */
import { lookup as lookUpAddresses } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { subjects } from './broker/identity/subjects.ts';
import { tokenVerifier } from './broker/identity/token.ts';
import { brokerMetrics, certificateMetric } from './broker/metrics.ts';
import { startProbe } from './broker/probe.ts';
import { startBroker } from './broker/server.ts';
import { brokerCertificate } from './broker/tls/certificates.ts';
import { keepPublished } from './broker/tls/published.ts';
import { readConfig } from './config.ts';
import { traceExporter, type TraceOptions, type Traces } from './controllers/traces/export.ts';
import { BROKER, OPERATOR } from './installation/names.ts';
import { ownVersion } from './installation/version.ts';
import { connect } from './kube/connect.ts';
import { collectProcessMetrics, serveHealth } from './kube/health.ts';
import { createMetrics } from './kube/metrics.ts';
import { runOrDie, stopAtSignal } from './kube/process.ts';
import { lookup } from './providers/lookup.ts';
import { providerMetrics } from './providers/metered.ts';
import { openAdapters } from './providers/profiles/profiles.ts';

import { SbOperator } from './wiring.ts';
/** Presigned URLs live this long: enough for the largest file, short for anything that leaks. */
const PRESIGN_SECONDS = 300;

const addressesOf = async (host: string): Promise<string[]> =>
  (await lookUpAddresses(host, { all: true })).map(({ address }) => address);

/** Of this Pod or machine: no cluster has a tunnel lead back to it. */
const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address));

/** A build's context holds them; a bundle of all authorities that there are has a quarter of that. */
const AUTHORITIES_MAX_BYTES = 1024 * 1024;

/** What is in the file of certificates; undefined where there is none. Throws where it holds anything else. */
async function authoritiesIn(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    const text = await readFile(file, 'utf8');
    if (text.length <= AUTHORITIES_MAX_BYTES && text.includes('-----BEGIN CERTIFICATE-----')) return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  throw new Error(
    `SB_AGENT_CA_FILE: ${file} holds no certificates in PEM, or more than ${AUTHORITIES_MAX_BYTES} bytes`,
  );
}

const tracesOf = (
  endpoint: string | undefined,
  options: Omit<TraceOptions, 'endpoint'>,
): Traces | undefined => (endpoint === undefined ? undefined : traceExporter({ endpoint, ...options }));

/** Starts everything; at a signal it ends in order: work and broker, health, connections. */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = pino({ level: config.logLevel });
  const registry = new Registry();
  const version = ownVersion();
  collectProcessMetrics(registry, version);
  const kube = connect({ log, metrics: createMetrics(registry) });
  const now = (): Date => new Date();
  const installed = { namespace: config.namespace, secret: BROKER.certificate, service: BROKER.service };
  const names = [new URL(config.broker.url).hostname];
  const certificate = await brokerCertificate({ kube: kube.client, ...installed, names, now, log });
  certificateMetric(registry, () => certificate.current());
  const brokerCa = (): string => certificate.ca();
  const adapters = await openAdapters(config, { kube, brokerCa, metrics: providerMetrics(registry) });
  const authorities = await authoritiesIn(config.agents.authoritiesFile);
  const traces = tracesOf(config.traces, { version, metrics: registry, log });
  const operator = new SbOperator({ config, kube, brokerCa, authorities, addressesOf, traces, ...adapters });
  const ready = { caches: () => operator.ready };
  const health = await serveHealth({ port: config.metricsPort, registry, ready });
  await operator.start();
  const broker = await startBroker({
    port: config.broker.port,
    certificate,
    tokens: tokenVerifier({ kube: kube.client, now }),
    subjects: subjects(operator.sources),
    tasks: operator.tasks,
    now,
    store: adapters.artifacts,
    egress: async () => ({
      allowed: config.egressAllowed,
      refused: [...ownAddresses(), ...(await operator.apiServers())],
    }),
    storeLookup: lookup,
    rulesOf: operator.rulesOf,
    presignSeconds: PRESIGN_SECONDS,
    probePort: config.broker.probePort,
    modelPrices: config.modelPrices,
    sandbox: { ...operator.sources, brokerName: `${BROKER.service}.${config.namespace}.svc` },
    log,
    metrics: brokerMetrics(registry),
  });
  const probe = await startProbe({ port: config.broker.probePort });
  const stopping = new AbortController();
  const published = { kube: kube.client, namespace: config.namespace, name: BROKER.authority };
  const keeping = Promise.all([
    certificate.keep(stopping.signal),
    keepPublished({ ...published, ca: brokerCa, log }, stopping.signal),
  ]);
  stopAtSignal(log, async () => {
    stopping.abort();
    await Promise.all([operator.stop(), broker.close(), probe.close(), keeping]);
    await traces?.close();
    await health.close();
    await kube.close();
  });
}

if (import.meta.main) void runOrDie(OPERATOR.name, main);
