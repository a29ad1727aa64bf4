/** What the courier is told by its Pod. */

export interface BrokerSettings {
  /** Base URL. */
  url: string;
  /** Where the Pod has no DNS: the IP address of the host in `url`. */
  address?: string;
  /** PEM of the CA that signed the broker's certificate. */
  ca: string;
  /** The projected token; the kubelet renews it, so it is read for each request. */
  tokenFile: string;
}

export interface Settings {
  /** No agent's container is in the Pod. */
  regrade?: true;
  broker: BrokerSettings;
  paths: {
    control: string;
    logs: string;
    /** The task's ConfigMap, where it comes from one. */
    task: string;
    /** Private folder for the unpacked task; the task container must never see it. */
    scratch: string;
    terminationLog: string;
    /** Volumes of the containers beside the agent's, separate verifiers' and services', by their names. */
    beside: Record<string, { control: string; logs: string }>;
  };
  /** The Pod's name, which ends in the attempt's number and five random characters. */
  hostname: string;
  /** Values by the courier's own variable, see `secretVariable`. */
  secrets: Record<string, string>;
}
