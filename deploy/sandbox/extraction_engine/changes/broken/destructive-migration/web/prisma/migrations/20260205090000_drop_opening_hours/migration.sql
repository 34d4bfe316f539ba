-- AlterTable
ALTER TABLE "Listing" DROP COLUMN "opening_hours";
