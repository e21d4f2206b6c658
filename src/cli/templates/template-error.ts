import { BadRequest } from '../../base/index.ts';

/** A template that cannot be read or executed; the message is worded as Go's text/template words it. */
export class TemplateError extends BadRequest {}
