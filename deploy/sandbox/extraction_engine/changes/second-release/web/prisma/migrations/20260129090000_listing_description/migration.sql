-- AlterTable
ALTER TABLE "Listing" ADD COLUMN "description" TEXT;

-- CreateIndex
CREATE INDEX "Listing_entity_name_idx" ON "Listing"("entity_name");
