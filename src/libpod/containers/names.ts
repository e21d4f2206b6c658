import { randomInt } from 'node:crypto';

const words = (text: string) => text.trim().split(/\s+/);

const FIRST = words(`
  agile amber ancient arid autumn bold brave bright brisk calm candid clever cool coral crisp curious dapper dawn
  deep eager earnest easy elegant exact fair fleet fond frank fresh gentle glad golden grand happy hardy hidden
  honest humble jolly keen kind lively lucid lucky lunar mellow merry mild modest neat nimble noble open patient
  placid plain polite proud quick quiet rapid ready round sharp shy silent silver sleek smart snowy solar solid
  spry steady still sunny swift tender tidy tranquil vivid warm wise witty young zesty
`);

/** People who moved the heavens into models, and those who computed them. */
const SECOND = words(`
  adams airy albategnius alfonso anning apianus aristarchus babbage bessel bode bradley brahe bruno burnell cannon
  cassini celsius chandra clairaut copernicus curtis dalton dirac dreyer eddington encke eratosthenes euler faber
  fleming galileo galle gauss graham halley hamilton harrison herschel hevelius hipparchus hooke hopper hubble
  huygens hypatia jansky janssen johnson kepler khayyam kovalevskaya lagrange lalande laplace leavitt lemaitre
  leverrier lippershey lovelace lowell maskelyne mayer messier mitchell newton noether oort orrery payne piazzi
  poincare ptolemy regiomontanus roemer rubin sagan somerville tombaugh turing ulugh vaughan wren
`);

/** Two words with an underscore, as people know them from Docker. */
export function inventName(): string {
  return `${FIRST[randomInt(FIRST.length)]}_${SECOND[randomInt(SECOND.length)]}`;
}
