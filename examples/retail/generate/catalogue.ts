/** What the generated shop sells: names, a middle price in cents, and the options that variants combine. */

export interface CatalogueEntry {
  readonly name: string
  readonly cents: number
  readonly options: Readonly<Record<string, readonly string[]>>
}

const COLOURS = ['black', 'white', 'navy', 'olive', 'rust'] as const
const CLOTHES = { size: ['XS', 'S', 'M', 'L', 'XL'], color: COLOURS, fabric: ['cotton', 'wool', 'recycled'] } as const
const SHOES = { size: ['6', '7', '8', '9', '10', '11'], color: COLOURS } as const
const FURNITURE = { wood: ['oak', 'birch', 'walnut'], finish: ['oiled', 'painted'], width: ['narrow', 'wide'] } as const
const KITCHEN = { capacity: ['small', 'medium', 'large'], material: ['steel', 'glass', 'ceramic'] } as const
const DEVICE = { storage: ['128 GB', '256 GB', '512 GB'], color: ['graphite', 'silver', 'sand'] } as const
const POWERED = { power: ['battery', 'mains', 'USB-C'], color: ['black', 'white', 'grey'] } as const
const OUTDOOR = { persons: ['1', '2', '4'], season: ['summer', 'three-season', 'winter'] } as const
const GAME = { edition: ['standard', 'travel', 'collector'], age: ['6+', '10+', '14+'] } as const
const GARDEN = { length: ['short', 'standard', 'long'], handle: ['ash', 'steel'] } as const

const entry = (name: string, cents: number, options: CatalogueEntry['options']): CatalogueEntry => ({
  name,
  cents,
  options,
})

export const CATALOGUE: readonly CatalogueEntry[] = [
  entry('Rain Parka', 129_00, CLOTHES),
  entry('Knitted Pullover', 74_50, CLOTHES),
  entry('Linen Shirt', 49_90, CLOTHES),
  entry('Work Trousers', 68_00, CLOTHES),
  entry('Down Vest', 112_00, CLOTHES),
  entry('Thermal Leggings', 34_95, CLOTHES),
  entry('Canvas Sneakers', 59_00, SHOES),
  entry('Trail Boots', 148_00, SHOES),
  entry('Felt Slippers', 32_50, SHOES),
  entry('Rubber Boots', 44_00, SHOES),
  entry('Cycling Shoes', 119_00, SHOES),
  entry('Writing Desk', 389_00, FURNITURE),
  entry('Folding Stool', 48_00, FURNITURE),
  entry('Wall Shelf', 92_00, FURNITURE),
  entry('Bed Frame', 540_00, FURNITURE),
  entry('Coat Stand', 76_00, FURNITURE),
  entry('Bench', 164_00, FURNITURE),
  entry('Tea Pot', 38_00, KITCHEN),
  entry('Casserole', 84_00, KITCHEN),
  entry('Storage Jar', 18_50, KITCHEN),
  entry('Mixing Bowl', 24_00, KITCHEN),
  entry('Carafe', 29_90, KITCHEN),
  entry('Roasting Tin', 41_00, KITCHEN),
  entry('Reading Tablet', 279_00, DEVICE),
  entry('Pocket Recorder', 138_00, DEVICE),
  entry('Field Camera', 629_00, DEVICE),
  entry('Music Player', 189_00, DEVICE),
  entry('Small Phone', 449_00, DEVICE),
  entry('Desk Lamp', 54_00, POWERED),
  entry('Table Fan', 47_00, POWERED),
  entry('Radio', 66_00, POWERED),
  entry('Alarm Clock', 27_50, POWERED),
  entry('Air Pump', 39_00, POWERED),
  entry('Night Light', 21_00, POWERED),
  entry('Head Torch', 36_00, POWERED),
  entry('Tunnel Tent', 318_00, OUTDOOR),
  entry('Sleeping Bag', 142_00, OUTDOOR),
  entry('Camp Mat', 58_00, OUTDOOR),
  entry('Cook Set', 63_00, OUTDOOR),
  entry('Tarpaulin', 71_00, OUTDOOR),
  entry('Card Game', 16_00, GAME),
  entry('Word Puzzle', 22_00, GAME),
  entry('Marble Run', 57_00, GAME),
  entry('Chess Set', 83_00, GAME),
  entry('Model Ship', 69_00, GAME),
  entry('Spade', 33_00, GARDEN),
  entry('Rake', 26_00, GARDEN),
  entry('Hoe', 28_50, GARDEN),
  entry('Pruning Saw', 37_00, GARDEN),
  entry('Watering Lance', 31_00, GARDEN),
]
