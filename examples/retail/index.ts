/** A shop's support desk: what its agents may look up and do for customers. Who may do what, and when: policies/. */
import { application } from 'plinth'
import { cancelPendingOrder } from './commands/cancel-pending-order.ts'
import { exchangeDeliveredOrderItems } from './commands/exchange-delivered-order-items.ts'
import { modifyPendingOrderAddress } from './commands/modify-pending-order-address.ts'
import { modifyPendingOrderItems } from './commands/modify-pending-order-items.ts'
import { modifyPendingOrderPayment } from './commands/modify-pending-order-payment.ts'
import { modifyUserAddress } from './commands/modify-user-address.ts'
import { returnDeliveredOrderItems } from './commands/return-delivered-order-items.ts'
import { transferToHumanAgents } from './commands/transfer-to-human-agents.ts'
import { callColleague, charge, mailReturnInstructions, refund } from './effects.ts'
import { attested } from './facts.ts'
import { giftCardsAreNotOverdrawn } from './invariants.ts'
import { order, orders } from './order.ts'
import { product, products } from './product.ts'
import { calculate } from './queries/calculate.ts'
import { getItemDetails, getOrderDetails, getProductDetails, getUserDetails } from './queries/details.ts'
import { findUserIdByEmail, findUserIdByNameZip } from './queries/find-user.ts'
import { listAllProductTypes } from './queries/list-all-product-types.ts'
import { catalogue, productOfItem, usersByEmail, usersByName } from './read-models.ts'
import { user, users } from './user.ts'

export default application('retail', {
  describe: 'the support desk of an online shop: customers, orders, products',
  entities: [user, product, order],
  commands: [
    cancelPendingOrder,
    modifyPendingOrderAddress,
    modifyPendingOrderPayment,
    modifyPendingOrderItems,
    returnDeliveredOrderItems,
    exchangeDeliveredOrderItems,
    modifyUserAddress,
    transferToHumanAgents,
  ],
  queries: [
    findUserIdByEmail,
    findUserIdByNameZip,
    getUserDetails,
    getOrderDetails,
    getProductDetails,
    getItemDetails,
    listAllProductTypes,
    calculate,
  ],
  readModels: [usersByEmail, usersByName, catalogue, productOfItem],
  effects: [charge, refund, mailReturnInstructions, callColleague],
  invariants: [giftCardsAreNotOverdrawn],
  importers: [users, products, orders],
  attested,
})
