// Reads each file named in the JSON list on standard input; the first argument says with what: parseEnv, dotenv, dotenvx.
const fs = require('fs')
const util = require('util')

const readers = {
  parseEnv: () => util.parseEnv,
  dotenv: () => require('dotenv').parse,
  dotenvx: () => {
    const { parse } = require('@dotenvx/dotenvx')
    return text => parse(text, { processEnv: {} })
  }
}
const parse = readers[process.argv[2]]()
const paths = JSON.parse(fs.readFileSync(0, 'utf8'))
const log = console.log
console.log = console.error
const read = paths.map(path => {
  try {
    return { ...parse(fs.readFileSync(path, 'utf8')) }
  } catch (error) {
    return null
  }
})
log(JSON.stringify(read))
