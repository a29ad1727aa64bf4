/** Where people find what a Trial's containers printed. Pure: it names places, whether something is there yet or not. */

export interface LogPlace {
  /** Address for a browser. */
  url: string;
  /** Group and stream of a log service, for programs; missing where there is no such service. */
  group?: string;
  stream?: string;
}

export interface LogLinks {
  /** Logs of the Trial of that `trial_name`; `s3Link` is the address of the copy that its courier stores. */
  trial(trialName: string, s3Link: string): LogPlace;
}
